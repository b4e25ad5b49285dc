/**
 * What a verb takes: fields that are data, from which the command line, its help, its completion,
 * the manual and the JSON schema follow.
 */

/**
 * What a value stands for: how it is read, and what completes it. `subject`: a host or an account.
 * `pattern`: hosts by name, glob, group or label.
 */
export type ValueKind =
  | 'flag'
  | 'text'
  | 'account'
  | 'host'
  | 'subject'
  | 'group'
  | 'pattern'
  | 'script'
  | 'channel'
  | 'file'
  | 'folder'
  | 'choice'
  | 'time'
  | 'secret'
  | 'count'
  | 'number'
  | 'duration';

interface FieldSpec {
  /** Default: `choice` where there are choices, else `text`. */
  readonly of?: ValueKind;
  /** Placeholder in help; default for arguments: the field's own name. */
  readonly shown?: string;
  /** What it means, for help. */
  readonly words?: string;
  readonly choices?: readonly string[];
  /** Of `count`, `number` and `duration` (ms): the smallest and largest value that makes sense. */
  readonly range?: {
    readonly min: number;
    readonly max: number;
    readonly aboveMin?: boolean;
    readonly words?: string;
  };
  /** Of `account`: whose accounts are meant; default: the ledger's. */
  readonly among?: 'inventory';
  /** Of `host`: something is stated of this very machine, so no pattern stands for it. */
  readonly isExact?: boolean;
  /** A value that is right, for the hint after one that is wrong. */
  readonly example?: string;
  /** Several values: an array. */
  readonly isMany?: boolean;
}

interface ArgumentSpec extends FieldSpec {
  readonly isOptional?: boolean;
}

interface OptionSpec extends FieldSpec {
  readonly shown: string;
  readonly words: string;
  /** One letter. */
  readonly short?: string;
  readonly isRequired?: boolean;
  /** Without the option. */
  readonly start?: unknown;
  /** {@link start} as people write it. */
  readonly startWords?: string;
  /**
   * How several values are given: the option again and again (default), several words after it, or
   * one word with commas.
   */
  readonly many?: 'again' | 'words' | 'commas';
}

/** One value, or one list of values, of a verb's input. `V`: what the verb gets. */
export interface Field<V = unknown> extends FieldSpec {
  readonly place: 'argument' | 'option';
  readonly of: ValueKind;
  readonly isOptional: boolean;
  readonly short?: string;
  readonly start?: unknown;
  readonly startWords?: string;
  readonly many?: 'again' | 'words' | 'commas';
  /** Never there: it bears the type. */
  readonly value?: V;
}

export type Fields = Readonly<Record<string, Field>>;

/** What a verb with these fields gets. `limit`: patterns of hosts, of the global option. */
export type InputOf<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer V> ? V : never;
} & {
  readonly limit: readonly string[];
};

type Single<S> = S extends { readonly choices: readonly (infer C)[] }
  ? C
  : S extends { readonly of: 'count' | 'number' | 'duration' }
    ? number
    : string;
type Listed<S> = S extends { readonly isMany: true } ? readonly Single<S>[] : Single<S>;
type ArgumentValue<S> = S extends { readonly isMany: true }
  ? readonly Single<S>[]
  : Missing<S, 'isOptional', true>;
type Missing<S, K extends string, V> = S extends { readonly [key in K]: V }
  ? Single<S> | undefined
  : Single<S>;
type OptionValue<S> = S extends
  | { readonly start: unknown }
  | { readonly isRequired: true }
  | { readonly isMany: true }
  ? Listed<S>
  : Listed<S> | undefined;

const kindOf = ({ of, choices }: FieldSpec): ValueKind =>
  of ?? (choices === undefined ? 'text' : 'choice');

/** A word at its place. A list may be empty where it is optional. */
export const argument = <const S extends ArgumentSpec>(spec: S): Field<ArgumentValue<S>> => ({
  ...spec,
  place: 'argument',
  of: kindOf(spec),
  isOptional: spec.isOptional === true,
});

/** `--name VALUE`; its name is the field's. Without it: `start`, an empty list, or undefined. */
export const option = <const S extends OptionSpec>(spec: S): Field<OptionValue<S>> => ({
  ...spec,
  place: 'option',
  of: kindOf(spec),
  isOptional: spec.isRequired !== true,
});

/** `--name`: true or, without it, false. */
export const flag = (words: string, short?: string): Field<boolean> => ({
  place: 'option',
  of: 'flag',
  isOptional: true,
  words,
  ...(short === undefined ? {} : { short }),
});

/** `-n, --dry-run`: with it the verb ends after its plan. Also written `--check`. */
export const dryRun = (words = 'show the plan and change nothing'): Field<boolean> =>
  flag(words, 'n');

/** `--lines COUNT`: how many entries are listed at most. */
export const lines = (
  words: string,
  { start, min = 1 }: { readonly start: number; readonly min?: number },
): Field<number> =>
  option({
    of: 'count',
    shown: 'count',
    words,
    range: { min, max: 100_000 },
    example: '20',
    start,
  });
