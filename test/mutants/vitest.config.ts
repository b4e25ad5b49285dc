import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { mutants } from './all-mutants.ts';
import { mutate } from './mutant.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const name = process.env.FLEET_MUTANT ?? '';
const mutant = mutants.find((each) => each.name === name);
if (mutant === undefined) throw new Error(`FLEET_MUTANT names no mutant: ${name}`);
const path = `${root}${mutant.file}`;

/** Tests on the product with one mutant in it. It is put in on the way from the file to the tests: nothing in the tree changes. */
export default defineConfig({
  root,
  plugins: [
    {
      name: 'mutant',
      enforce: 'pre',
      transform: (code, id) => (id.split('?')[0] === path ? { code: mutate(code, mutant), map: null } : null),
    },
  ],
  test: {
    include: ['test/**/*.test.ts', 'test/mutants/*.mutant.ts'],
    exclude: ['test/**/*.lab.test.ts', 'test/mutants/*.test.ts'],
    // The first one that notices is enough.
    ...{ bail: 1, maxWorkers: 1, testTimeout: 120_000, hookTimeout: 60_000 },
  },
});
