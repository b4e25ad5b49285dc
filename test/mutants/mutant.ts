/** One protection of the product taken away, or turned by one: if nothing notices, the net has a hole there. */
export interface Mutant {
  /** Unique, and says what is wrong; words joined by `-`. */
  readonly name: string;
  /** From the repository's root. */
  readonly file: string;
  /** Exact text that occurs in the file once. */
  readonly from: string;
  readonly to: string;
  /** What is no longer true. */
  readonly rule: string;
}

/** Whether the file still has the mutant's text, once. */
export const isCurrent = (text: string, { from }: Mutant): boolean => text.split(from).length === 2;

/** The file's text with the mutant in it. Throws Error when its text is not there exactly once: the mutant has to be brought up to date. */
export function mutate(text: string, { name, file, from, to }: Mutant): string {
  const times = text.split(from).length - 1;
  if (times !== 1) throw new Error(`${name}: ${file} has its text ${times} times; bring the mutant up to date`);
  return text.replace(from, () => to);
}

/** Under which the row that is known to notice a mutant runs without it. */
export const titleWithout = (name: string): string => `as shipped, for ${name}`;
