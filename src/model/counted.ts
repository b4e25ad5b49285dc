/** Names of a list that are said; more are counted. */
const mostNames = 8;

/** `a, b, c`, or the first of a long list and `1990 more`. */
export const someOf = (names: readonly string[]): string =>
  names.length <= mostNames + 1
    ? names.join(', ')
    : `${names.slice(0, mostNames).join(', ')} and ${names.length - mostNames} more`;

/** `1 account`, `2 accounts`, `0 accounts`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;
