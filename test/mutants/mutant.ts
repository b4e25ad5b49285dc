/**
 * One protection of the product taken away, or turned by one: if nothing notices, the net has a
 * hole there.
 */
export interface Mutant {
  /** Unique, and says what is wrong; words joined by `-`. */
  readonly name: string;
  /** From the repository's root. */
  readonly file: string;
  /** Text that occurs in the file once; its layout does not count. */
  readonly from: string;
  readonly to: string;
  /** What is no longer true. */
  readonly rule: string;
}

/** Where the mutant's text stands in the file's, however both are laid out; null unless once. */
function place(
  text: string,
  from: string,
): { readonly start: number; readonly end: number } | null {
  const whole = compact(text);
  const part = compact(from).code;
  const at = whole.code.indexOf(part);
  if (part === '' || at < 0 || whole.code.includes(part, at + 1)) return null;
  return { start: whole.places[at] ?? 0, end: (whole.places[at + part.length - 1] ?? 0) + 1 };
}

/** Without what the formatter decides: space, new lines, the comma before a closing bracket. */
function compact(text: string): { readonly code: string; readonly places: readonly number[] } {
  const places: number[] = [];
  let code = '';
  for (const { 0: character, index } of text.matchAll(/,(?!\s*[)\]}])|[^\s,]/g)) {
    code += character;
    places.push(index);
  }
  return { code, places };
}

/** Whether the file still has the mutant's text, once. */
export const isCurrent = (text: string, { from }: Mutant): boolean => place(text, from) !== null;

/**
 * The file's text with the mutant in it. Throws Error when its text is not there exactly once: the
 * mutant has to be brought up to date.
 */
export function mutate(text: string, { name, file, from, to }: Mutant): string {
  const found = place(text, from);
  if (found === null)
    throw new Error(`${name}: ${file} has its text not once; bring the mutant up to date`);
  return text.slice(0, found.start) + to + text.slice(found.end);
}

/** Under which the row that is known to notice a mutant runs without it. */
export const titleWithout = (name: string): string => `as shipped, for ${name}`;
