/**
 * Nothing is told about what it covers; the alerts go on counting, and are told when it ends and
 * they still fire.
 */
export interface Silence {
  readonly id: number;
  /** Names with `*` for any text. */
  readonly rule: string;
  readonly subject: string;
  /** Ends then, ms since the epoch. */
  readonly until: number;
  readonly reason: string;
  readonly by: string;
  readonly createdAt: number;
}

const matches = (pattern: string, text: string): boolean => {
  const parts = pattern.split('*');
  if (parts.length === 1) return pattern === text;
  const [first = '', last = ''] = [parts[0], parts.at(-1)];
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false;
  let from = first.length;
  for (const part of parts.slice(1, -1)) {
    const at = text.indexOf(part, from);
    if (at === -1 || at + part.length > text.length - last.length) return false;
    from = at + part.length;
  }
  return true;
};

/** A silence about a host covers its accounts too. Pure. */
export const covers = (
  { rule, subject, until }: Silence,
  about: { readonly rule: string; readonly subject: string; readonly host: string | null },
  nowMs: number,
): boolean =>
  nowMs < until &&
  matches(rule, about.rule) &&
  (matches(subject, about.subject) || (about.host !== null && matches(subject, about.host)));
