import { beforeEach, describe } from 'vitest';
// What all rows share, here: its hooks then belong to every one of them.
import '../simulator/rows/rows-fixture.ts';
import type { Row } from './caught-by.ts';
import { titleWithout } from './mutant.ts';

interface Asked {
  readonly mutant: string;
  readonly row: Row;
}

const asked = JSON.parse(process.env.FLEET_MUTANT_ROWS ?? '[]') as readonly Asked[];
const formOf = ({ file, titles }: Row): string => JSON.stringify([file, titles]);

/** The file's tests, of which the runner is told which ones it runs, while `mutant` is alive. */
const describeRow = (title: string, mutant: string, { file }: Row): void => {
  describe(title, async () => {
    beforeEach(() => {
      globalThis.fleetMutant = mutant;
      return () => {
        globalThis.fleetMutant = '';
      };
    });
    // Another name is another module: each has tests of its own.
    await import(/* @vite-ignore */ `../simulator/rows/${file}?for=${encodeURIComponent(title)}`);
  });
};

for (const [, group] of Map.groupBy(asked, ({ row }) => formOf(row))) {
  for (const { mutant, row } of group) describeRow(mutant, mutant, row);
  // A row that fails without any mutant tells nothing.
  const [first] = group;
  if (first !== undefined) describeRow(titleWithout(first.mutant), '', first.row);
}
