/**
 * What options take besides text. Each gives a parser for one option; a value that it refuses is a
 * mistake of usage that names the option.
 */
import { nearest } from '../inventory/rules/nearest.ts';
import { parseDuration } from '../inventory/schema/units.ts';
import { FleetError } from '../model/errors.ts';

interface Range {
  readonly min: number;
  readonly max: number;
}

const refused = (option: string, text: string, wanted: string, example: string): FleetError =>
  new FleetError(
    'usage',
    `${option} must be ${wanted} (got ${JSON.stringify(text.slice(0, 100))})`,
    {
      hint: `for example ${option} ${example}`,
    },
  );

/** One of the words. */
export const choiceOption =
  (option: string, choices: readonly string[], example: string | undefined) =>
  (text: string): string => {
    if (choices.includes(text)) return text;
    const near = nearest(text, choices);
    const wanted =
      choices.length === 1 ? choices[0] : `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
    throw refused(option, text, wanted ?? '', near ?? example ?? choices[0] ?? '');
  };

/** A whole number in the range. */
export const countOption =
  (option: string, { min, max }: Range, example: string) =>
  (text: string): number => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw refused(option, text, `a whole number from ${min} to ${max}`, example);
  };

/** A number in the range. `aboveMin`: the smallest value itself is refused. */
export const numberOption =
  (
    option: string,
    { min, max, aboveMin = false }: Range & { readonly aboveMin?: boolean },
    example: string,
  ) =>
  (text: string): number => {
    const value = /^\d{1,15}(?:\.\d{1,15})?$/.test(text) ? Number(text) : Number.NaN;
    if (value <= max && (aboveMin ? value > min : value >= min)) return value;
    throw refused(
      option,
      text,
      aboveMin ? `a number above ${min}, at most ${max}` : `a number from ${min} to ${max}`,
      example,
    );
  };

/**
 * A length of time with its unit, or a number of seconds; milliseconds. The range is in
 * milliseconds, `words` says it to people.
 */
export const durationOption =
  (option: string, { min, max, words }: Range & { readonly words: string }, example: string) =>
  (text: string): number => {
    const ms = parseDuration(/^\d{1,15}(?:\.\d{1,15})?$/.test(text) ? `${text}s` : text);
    if (ms !== null && ms >= min && ms <= max) return ms;
    throw refused(option, text, `a length of time ${words}`, example);
  };
