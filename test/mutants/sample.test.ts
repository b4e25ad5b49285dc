import { expect, it } from 'vitest';
import { mutants } from './all-mutants.ts';
import { readCatchers } from './caught-by.ts';
import { askNet, askRows, askSeeds } from './run-mutant.ts';

const catchers = readCatchers();
/** Of each part of the protocol some, each with a seed that notices. */
const bySeeds: Readonly<Record<string, number>> = {
  ...{ 'gate-without-the-state': 1, 'older-slot-believed': 1, 'closure-by-one': 5 },
  ...{ 'granted-without-a-survey': 28, 'staged-not-journaled': 1, 'lost-host-without-a-floor': 17 },
};
/** Where such a seed no longer notices, because a story has changed: how many others are asked. */
const seeds = 200;
/** Every so many of the mutants that rows notice; all of them: `npm run mutants`. */
const rowsStep = 4;

it('random schedules notice each of a sample of mutants', { timeout: 600_000 }, async () => {
  const asked = mutants
    .filter(({ name }) => name in bySeeds)
    .map((mutant) => ({ mutant, known: [bySeeds[mutant.name] ?? 0] }));
  expect(asked).toHaveLength(Object.keys(bySeeds).length);
  const noticed = await askSeeds(asked, seeds);
  console.log([...noticed].map(([name, what]) => `${name}: ${what}`).join('\n'));
  expect([...noticed].filter(([, what]) => what === null)).toEqual([]);
});

it('rows notice a sample of the mutants that they are known to notice', {
  timeout: 600_000,
}, async () => {
  const known = mutants.flatMap((mutant) => {
    const catcher = catchers.get(mutant.name);
    return catcher !== undefined && 'row' in catcher ? [{ mutant, row: catcher.row }] : [];
  });
  const asked = known.filter((_, index) => index % rowsStep === 0);
  const noticed = await askRows(asked);
  // A row that has another title by now is found among all of them.
  for (const { mutant } of asked)
    if (noticed.get(mutant.name) === null) noticed.set(mutant.name, await askNet(mutant, 'rows'));
  console.log([...noticed].map(([name, what]) => `${name}: ${what}`).join('\n'));
  expect([...noticed].filter(([, what]) => what === null)).toEqual([]);
});
