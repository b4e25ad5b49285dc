import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { mutants } from './all-mutants.ts';
import { mutate } from './mutant.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('mutants', () => {
  it('are many, and each has a name of its own', () => {
    expect(mutants.length).toBeGreaterThanOrEqual(60);
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });

  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
    '%s still applies, changes something, and compiles',
    async (_, mutant) => {
      const text = await readFile(`${root}${mutant.file}`, 'utf8');
      const changed = mutate(text, mutant);
      expect(changed).not.toBe(text);
      expect((await transform(changed, { loader: 'ts' })).code.length).toBeGreaterThan(0);
    },
  );
});
