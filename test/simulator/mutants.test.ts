import { afterEach, describe, expect, it } from 'vitest';
import './borders.ts';
import { type Mutant, mutation } from './mutants.ts';
import { runSchedule, type Theme } from './schedule.ts';

/**
 * Where the loss of a protection shows first, and a seed that is known to notice; when the model
 * has changed and it no longer does, others are asked.
 */
const mutants: readonly (readonly [Mutant, string, number, readonly Theme[]])[] = [
  ['gate', 'the gate lets everything through', 5, ['rolled-back', 'cloned', 'fenced']],
  ['gate-before-stop', 'the gate is closed only after the stop', 1, ['releases', 'hosts', 'moves']],
  ['move-compare', 'any move gets the receipt of another', 41, ['copied-ledger', 'two-operators']],
  [
    'serial',
    'hosts obey older runs of their ledger',
    41,
    ['copied-ledger', 'two-operators', 'calls'],
  ],
  [
    'survey',
    'nobody is asked before a first grant',
    1,
    ['two-ledgers', 'copied-ledger', 'rolled-back'],
  ],
  [
    'silent-hosts',
    'a host that does not answer is no owner',
    41,
    ['copied-ledger', 'two-ledgers', 'rolled-back', 'hosts'],
  ],
  [
    'unfenced-survey',
    'a host that refuses the stamp is believed',
    41,
    ['two-ledgers', 'copied-ledger'],
  ],
  ['hold-oneshot', 'no boot is held', 5, ['rolled-back', 'failover', 'fenced']],
  [
    'hold-from-own-stamp',
    'the hold is measured from what the host itself wrote at boot',
    5,
    ['rolled-back', 'failover', 'fenced'],
  ],
  ['instance', 'a clone counts as the machine itself', 19, ['cloned']],
  ['settle', 'no floor between a stop and the next start', 4, ['hosts', 'releases', 'moves']],
  ['safe-moment', '"switched off" is believed at once', 19, ['failover']],
];

const seedsAtMost = 200;

describe(`without one protection the net notices within ${seedsAtMost} seeds`, () => {
  afterEach(() => {
    mutation.current = null;
  });

  it.each(mutants)('%s: %s', { timeout: 300_000 }, async (mutant, _, known, themes) => {
    mutation.current = mutant;
    const others = Array.from({ length: seedsAtMost }, (__, index) => index + 1);
    let noticed: { seed: number; theme: Theme; violation: string | undefined } | null = null;
    for (const [index, seed] of [known, ...others].entries()) {
      // In turn; the known seed is one of the first theme.
      const theme = themes[index === 0 ? 0 : (index - 1) % themes.length] ?? 'calls';
      const { violations } = await runSchedule(seed, theme);
      if (violations.length === 0) continue;
      noticed = { seed, theme, violation: violations[0] };
      break;
    }
    console.log(mutant, noticed);
    expect(noticed).not.toBeNull();
  });
});
