import picomatch from 'picomatch';

/**
 * Whether a word is a pattern over names (`shop-*`, `web-{1,2}`): no name has these signs. Pure.
 */
export const isNamePattern = (word: string): boolean => /[*?[{]/.test(word);

/** The names that the pattern matches, each once, sorted. Pure. */
export function namesMatching(pattern: string, names: readonly string[]): readonly string[] {
  const matches = picomatch(pattern, { dot: true, nonegate: true, noextglob: true, bash: true });
  return [...new Set(names)].filter((name) => matches(name)).toSorted();
}

/**
 * Patterns for names that begin alike, up to their first `-`, `_` or `.`: `shop-*` where there are
 * two of them. Pure.
 */
export function patternsOver(names: readonly string[]): readonly string[] {
  const heads = Map.groupBy(names, (name) => /^[^._-]+[._-]/.exec(name)?.[0] ?? '');
  return [...heads].flatMap(([head, alike]) =>
    head === '' || alike.length < 2 ? [] : [`${head}*`],
  );
}
