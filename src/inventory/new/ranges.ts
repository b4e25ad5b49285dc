/** Names that one pattern may stand for. */
const mostNames = 10_000;

const range = /\[(\d+|[a-zA-Z]):(\d+|[a-zA-Z])(?::(\d+))?\]/;

/**
 * The members of one range; null where it is none: its ends are of different kinds, or the wrong
 * way round.
 */
function members(first: string, last: string, step: number): readonly string[] | null {
  if (step < 1) return null;
  const isNumeric = /^\d+$/.test(first);
  if (isNumeric !== /^\d+$/.test(last)) return null;
  const isPadded = isNumeric && first.startsWith('0') && first.length > 1;
  if (isPadded && first.length !== last.length) return null;
  const [from, to] = isNumeric
    ? [Number(first), Number(last)]
    : [first.charCodeAt(0), last.charCodeAt(0)];
  if (!isNumeric && /[a-z]/.test(first) !== /[a-z]/.test(last)) return null;
  const count = Math.floor((to - from) / step) + 1;
  if (count < 1 || count > mostNames) return null;
  const at = (index: number): string => {
    const value = from + index * step;
    return isNumeric
      ? String(value).padStart(isPadded ? first.length : 0, '0')
      : String.fromCharCode(value);
  };
  return Array.from({ length: count }, (_, index) => at(index));
}

/**
 * The names that a pattern with Ansible's ranges stands for, in order: `web[01:10]`, `db-[a:f]`,
 * `h[1:9:2]`, several in one name. A text without ranges stands for itself; brackets of an IPv6
 * address are none. Null where the range is malformed or has more than 10,000 names.
 */
export function expandRanges(pattern: string): readonly string[] | null {
  const found = range.exec(pattern);
  if (found === null)
    return /\[[^\]]*:[^\]]*\]/.test(pattern) &&
      !/(?:^|[=@])\[[0-9A-Fa-f:.%]+\](?::\d+)?$/.test(pattern)
      ? null
      : [pattern];
  const [whole, first = '', last = '', step = '1'] = found;
  const inner = members(first, last, Number(step));
  const rest = expandRanges(pattern.slice(found.index + whole.length));
  if (inner === null || rest === null || inner.length * rest.length > mostNames) return null;
  const before = pattern.slice(0, found.index);
  return inner.flatMap((member) => rest.map((after) => before + member + after));
}
