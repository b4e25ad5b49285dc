import { expect } from 'vitest';
import type { Operator } from './operator.ts';

interface Finding {
  readonly where: string;
  readonly level: string;
  readonly text: string;
  readonly remedy: string;
}

/**
 * How busy the machine is that all hosts share, and what it does not let hosts change, is none of a
 * test's business.
 */
const ofTheMachine =
  /^(?:CPU|memory|disk) at|^(?:limits|sysctl): |^the memory of its accounts is not counted/;

/**
 * Nobody has put sweeps into cron here, and the tests' time after an unclean stop is shorter than
 * fleet allows. Fleet's own SSH has no post-quantum key exchange.
 */
const ofTheTest =
  /^here: (?:no sweep|hold\.settle_unclean is 5 s, but .* 25 s: that is what counts instead$)|: its key exchange is not post-quantum/;

/**
 * What `fleet doctor` finds amiss, a line each: where, and what. What every test world has is left
 * out.
 */
export async function findFaults(operator: Operator): Promise<readonly string[]> {
  const { findings } = await operator.json<{ findings: Finding[] }>(['doctor']);
  for (const { level, remedy } of findings) expect(remedy === '').toBe(level === 'ok');
  return findings
    .filter(({ level, text }) => level !== 'ok' && !ofTheMachine.test(text))
    .map(({ where, text }) => `${where}: ${text}`)
    .filter((line) => !ofTheTest.test(line));
}
