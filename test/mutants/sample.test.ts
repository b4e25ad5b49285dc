import { expect, it } from 'vitest';
import { mutants } from './all-mutants.ts';
import { askSeeds } from './run-mutant.ts';

/** Of each part of the protocol some that several of the first 60 seeds notice, so that no change of a story hides them; all of them: `npm run mutants`. */
const sample: readonly string[] = [
  ...['gate-without-the-state', 'older-slot-believed', 'start-before-the-claim', 'closure-by-one', 'export-before-the-release'],
  ...['granted-without-a-survey', 'receipt-before-the-floor', 'staged-not-journaled', 'lost-host-without-a-floor'],
];
const seeds = 200;

it('random schedules notice each of a sample of mutants', { timeout: 600_000 }, async () => {
  const chosen = mutants.filter(({ name }) => sample.includes(name));
  expect(chosen).toHaveLength(sample.length);
  const noticed = await askSeeds(chosen, seeds);
  console.log([...noticed].map(([name, what]) => `${name}: ${what}`).join('\n'));
  expect([...noticed].filter(([, what]) => what === null)).toEqual([]);
});
