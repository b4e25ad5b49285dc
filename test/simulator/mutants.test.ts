import { afterEach, describe, expect, it } from 'vitest';
import './borders.ts';
import { type Mutant, mutation } from './mutants.ts';
import { runSchedule, type Theme, themeOf } from './schedule.ts';

/**
 * Where the loss of a protection shows first: only the seeds of these themes are run, of the first 200, and before them one that is known to notice;
 * when the model has changed and it no longer does, the others are asked.
 */
const mutants: readonly (readonly [Mutant, string, number, readonly Theme[]])[] = [
  ['gate', 'the gate lets everything through', 6, ['rolled-back', 'cloned']],
  ['gate-before-stop', 'the gate is closed only after the stop', 23, ['releases', 'hosts']],
  ['move-compare', 'any move gets the receipt of another', 3, ['copied-ledger', 'two-operators']],
  ['serial', 'hosts obey older runs of their ledger', 59, ['two-operators', 'copied-ledger', 'calls']],
  ['survey', 'nobody is asked before a first grant', 12, ['two-ledgers', 'copied-ledger', 'rolled-back']],
  ['silent-hosts', 'a host that does not answer is no owner', 12, ['copied-ledger', 'two-ledgers', 'rolled-back', 'hosts']],
  ['unfenced-survey', 'a host that refuses the stamp is believed', 12, ['two-ledgers', 'copied-ledger']],
  ['hold-oneshot', 'no boot is held', 13, ['rolled-back']],
  ['hold-from-own-stamp', 'the hold is measured from what the host itself wrote at boot', 13, ['rolled-back']],
  ['instance', 'a clone counts as the machine itself', 6, ['cloned']],
  ['settle', 'no floor between a stop and the next start', 73, ['hosts', 'releases']],
];

describe('without one protection the net notices within 200 seeds', () => {
  afterEach(() => {
    mutation.current = null;
  });

  it.each(mutants)('%s: %s', { timeout: 300_000 }, async (mutant, _, known, themes) => {
    mutation.current = mutant;
    const others = Array.from({ length: 200 }, (__, index) => index + 1).filter((seed) => themes.includes(themeOf(seed)));
    let noticed: { seed: number; violation: string | undefined } | null = null;
    for (const seed of [known, ...others]) {
      const { violations } = await runSchedule(seed);
      if (violations.length === 0) continue;
      noticed = { seed, violation: violations[0] };
      break;
    }
    console.log(mutant, noticed);
    expect(noticed).not.toBeNull();
  });
});
