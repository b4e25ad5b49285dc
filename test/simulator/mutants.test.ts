import { afterEach, describe, expect, it } from 'vitest';
import './borders.ts';
import { type Mutant, mutation } from './mutants.ts';
import { runSchedule, type Theme, themeOf } from './schedule.ts';

/**
 * Where the loss of a protection shows first: only the seeds of these themes are run, of the first 200, and before them one that is known to notice;
 * when the model has changed and it no longer does, the others are asked.
 */
const mutants: readonly (readonly [Mutant, string, number, readonly Theme[]])[] = [
  ['gate', 'the gate lets everything through', 5, ['rolled-back', 'cloned', 'fenced']],
  ['gate-before-stop', 'the gate is closed only after the stop', 7, ['releases', 'hosts', 'moves']],
  ['move-compare', 'any move gets the receipt of another', 198, ['copied-ledger', 'two-operators']],
  ['serial', 'hosts obey older runs of their ledger', 55, ['two-operators', 'copied-ledger', 'calls']],
  ['survey', 'nobody is asked before a first grant', 30, ['two-ledgers', 'copied-ledger', 'rolled-back']],
  ['silent-hosts', 'a host that does not answer is no owner', 30, ['copied-ledger', 'two-ledgers', 'rolled-back', 'hosts']],
  ['unfenced-survey', 'a host that refuses the stamp is believed', 30, ['two-ledgers', 'copied-ledger']],
  ['hold-oneshot', 'no boot is held', 5, ['rolled-back', 'failover', 'fenced']],
  ['hold-from-own-stamp', 'the hold is measured from what the host itself wrote at boot', 5, ['rolled-back', 'failover', 'fenced']],
  ['instance', 'a clone counts as the machine itself', 19, ['cloned']],
  ['settle', 'no floor between a stop and the next start', 151, ['hosts', 'releases', 'moves']],
  ['safe-moment', '"switched off" is believed at once', 140, ['failover']],
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
