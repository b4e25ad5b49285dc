import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { mutants } from './all-mutants.ts';
import { isCurrent, type Mutant, mutate } from './mutant.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const isThere = (mutant: Mutant): boolean =>
  isCurrent(readFileSync(`${root}${mutant.file}`, 'utf8'), mutant);
/** One that has to be brought up to date leaves the others alone. */
const byPath = Map.groupBy(mutants.filter(isThere), ({ file }) => `${root}${file}`);

/** Names that a module gives to others at run time. */
const exportsOf = (text: string): readonly string[] =>
  [...text.matchAll(/^export (?:async )?(?:function\*?|const|class) (\w+)/gm)].map(
    ([, name]) => name ?? '',
  );

/**
 * A module that is every variant of itself: the one that `globalThis.fleetMutant` names, or the
 * original. Starting the tests anew for each mutant
 * would take longer than all that they do.
 */
function dispatcher(path: string, here: readonly Mutant[]): string {
  const variants = here.map(
    ({ name }, index) => `import * as v${index} from ${JSON.stringify(`${path}?mutant=${name}`)};`,
  );
  const named = here.map(({ name }, index) => `${JSON.stringify(name)}: v${index}`);
  const given = exportsOf(readFileSync(path, 'utf8')).map(
    (name) =>
      `export const ${name} = typeof original.${name} === 'function' && ` +
      `!/^class/.test(String(original.${name})) ? (...args) => now().${name}(...args) : ` +
      `original.${name};`,
  );
  return [
    `import * as original from ${JSON.stringify(`${path}?mutant=`)};`,
    ...variants,
    `const variants = { ${named.join(', ')} };`,
    'const now = () => variants[globalThis.fleetMutant ?? ""] ?? original;',
    ...given,
  ].join('\n');
}

/**
 * Tests on the product with mutants in it. They are put in on the way from the file to the tests:
 * nothing in the tree changes.
 */
export default defineConfig({
  root,
  plugins: [
    {
      name: 'mutants',
      enforce: 'pre',
      // Its own names come back from the root on.
      resolveId: (id) =>
        !id.includes('?mutant=') ? null : id.startsWith(root) ? id : `${root}${id.slice(1)}`,
      load: (id) => {
        const [path = '', query] = id.split('?');
        const here = byPath.get(path);
        if (here === undefined) return null;
        if (query === undefined) return dispatcher(path, here);
        const mutant = here.find(({ name }) => query === `mutant=${name}`);
        const text = readFileSync(path, 'utf8');
        return mutant === undefined ? text : mutate(text, mutant);
      },
    },
  ],
  test: {
    // It would know nothing of a mutant that was changed.
    fsModuleCache: false,
    include: ['test/**/*.test.ts', 'test/mutants/*.mutant.ts'],
    exclude: ['test/**/*.lab.test.ts', 'test/mutants/*.test.ts'],
    setupFiles: ['test/mutants/choose-mutant.ts'],
    // The first one that notices is enough.
    ...{ bail: 1, maxWorkers: 1, testTimeout: 120_000, hookTimeout: 60_000 },
  },
});
