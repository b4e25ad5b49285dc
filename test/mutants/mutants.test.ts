import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { mutants } from './all-mutants.ts';
import { readCatchers } from './caught-by.ts';
import { isCurrent, type Mutant, mutate } from './mutant.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const textOf = ({ file }: Mutant): Promise<string> => readFile(`${root}${file}`, 'utf8');

describe('mutants', () => {
  it('are many, and each has a name of its own', () => {
    expect(mutants.length).toBeGreaterThanOrEqual(60);
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });

  it('are each known to be noticed, by seeds or a named row (npm run mutants -- --keep)', () => {
    const catchers = readCatchers();
    expect(mutants.filter(({ name }) => !catchers.has(name)).map(({ name }) => name)).toEqual([]);
  });

  it('still apply, but for a few that the code has left behind since; change something, and compile', async () => {
    const left: string[] = [];
    for (const mutant of mutants) {
      const text = await textOf(mutant);
      if (!isCurrent(text, mutant)) {
        left.push(`${mutant.name}: ${mutant.file}`);
        continue;
      }
      const changed = mutate(text, mutant);
      expect(changed).not.toBe(text);
      expect((await transform(changed, { loader: 'ts' })).code.length).toBeGreaterThan(0);
    }
    if (left.length > 0) console.log(`to be brought up to date:\n${left.join('\n')}`);
    expect(left.length).toBeLessThanOrEqual(mutants.length / 10);
  });
});
