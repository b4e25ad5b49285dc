import { readFileSync, writeFileSync } from 'node:fs';

/** A test of `test/simulator/rows`: the file's name, and the titles that lead to the test. */
export interface Row {
  readonly file: string;
  readonly titles: readonly string[];
}

/** What is known to notice a mutant: a seed of the random schedules, or a named row. */
export type Catcher = { readonly seed: number } | { readonly row: Row };

const path = new URL('caught-by.json', import.meta.url);
const between = ' > ';

const parseCatcher = (text: string): Catcher => {
  const seed = /^seed (\d+)$/.exec(text)?.[1];
  if (seed !== undefined) return { seed: Number(seed) };
  const [file = '', ...titles] = text.split(between);
  return { row: { file, titles } };
};

export const formatCatcher = (catcher: Catcher): string =>
  'seed' in catcher
    ? `seed ${catcher.seed}`
    : [catcher.row.file, ...catcher.row.titles].join(between);

/**
 * By the name of the mutant. Asked first, so that a run over all mutants takes minutes instead of
 * hours; kept by `npm run mutants -- --keep`.
 */
export const readCatchers = (): ReadonlyMap<string, Catcher> =>
  new Map(
    Object.entries(JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>).map(
      ([name, text]) => [name, parseCatcher(text)],
    ),
  );

/** In the order of `names`; what is not named there is left out. */
export const keepCatchers = (
  names: readonly string[],
  catchers: ReadonlyMap<string, Catcher>,
): void => {
  const kept = names.flatMap((name) => {
    const catcher = catchers.get(name);
    return catcher === undefined ? [] : [[name, formatCatcher(catcher)] as const];
  });
  writeFileSync(path, `${JSON.stringify(Object.fromEntries(kept), null, 2)}\n`);
};

/**
 * The catcher in what vitest or the schedules say about a failure; null: it is neither a seed nor a
 * row.
 */
export const catcherIn = (what: string): Catcher | null => {
  const seed = /^seed (\d+):/.exec(what)?.[1];
  if (seed !== undefined) return { seed: Number(seed) };
  const row = /^test\/simulator\/rows\/(\S+\.test\.ts > .*)$/.exec(what)?.[1];
  return row === undefined ? null : parseCatcher(row);
};
