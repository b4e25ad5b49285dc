/** A verb's fields as arguments and options of the command line. */
import { Argument, Option } from 'commander';
import type { Field, Fields, InputOf } from '../verbs/input.ts';
import type { Verb } from '../verbs/verb.ts';
import { choiceOption, countOption, durationOption, numberOption } from './option-values.ts';
import type { Invocation } from './run-command.ts';

/** What a verb gets. */
export type Input = InputOf<Fields>;

/** The option of a field: `dryRun` is `--dry-run`. */
export const longFlag = (name: string): string =>
  `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** Reads one value of an option; undefined: it is a text. */
function readerOf(long: string, field: Field): ((text: string) => unknown) | undefined {
  const { of, choices, range = { min: 0, max: Number.MAX_SAFE_INTEGER }, example = '' } = field;
  if (choices !== undefined) return choiceOption(long, choices, field.example);
  if (of === 'count') return countOption(long, range, example);
  if (of === 'number') return numberOption(long, range, example);
  if (of === 'duration')
    return durationOption(long, { ...range, words: range.words ?? '' }, example);
  return undefined;
}

/** The option of a field. */
export function optionOf(name: string, field: Field): Option {
  const long = longFlag(name);
  const words = field.isMany && field.many === 'words' ? `<${field.shown}...>` : `<${field.shown}>`;
  const flags = [
    field.short === undefined ? '' : `-${field.short}, `,
    long,
    field.of === 'flag' ? '' : ` ${words}`,
  ].join('');
  const option = new Option(flags, field.words);
  if (field.choices !== undefined) option.choices(field.choices);
  const read = readerOf(long, field);
  if (field.isMany && field.many !== 'words') {
    const split = (value: string): unknown[] =>
      (field.many === 'commas' ? value.split(',') : [value]).map(read ?? String);
    option.argParser((value: string, before: readonly unknown[] | undefined) => [
      ...(before ?? []),
      ...split(value),
    ]);
  } else if (read !== undefined) option.argParser(read);
  if (field.isMany) option.default([]);
  if (field.start !== undefined) option.default(field.start, field.startWords);
  if (!field.isOptional) option.makeOptionMandatory();
  return option;
}

/** The argument of a field. */
export function argumentOf(
  name: string,
  { shown = name, isMany, isOptional, words = '', choices, example }: Field,
): Argument {
  const dots = isMany === true ? '...' : '';
  const argument = new Argument(isOptional ? `[${shown}${dots}]` : `<${shown}${dots}>`, words);
  return choices === undefined
    ? argument
    : argument.choices(choices).argParser(choiceOption(shown.toUpperCase(), choices, example));
}

/** The verb's arguments, or its options, in their order. */
export const fieldsAt = (verb: Verb, place: Field['place']): [string, Field][] =>
  Object.entries(verb.input).filter(([, field]) => field.place === place);

/** What the verb gets: arguments by their places, options by their names. */
export function inputOf(verb: Verb, { args, options }: Invocation<object>): Input {
  const places = fieldsAt(verb, 'argument').map(([name, { isMany }], place) => [
    name,
    isMany ? args.slice(place) : args[place],
  ]);
  const named = fieldsAt(verb, 'option').map(([name, { of }]) => {
    const value: unknown = Reflect.get(options, name);
    // `--check` says what `--dry-run` says.
    const isChecked = name === 'dryRun' && Reflect.get(options, 'check') === true;
    return [name, of === 'flag' ? value === true || isChecked : value];
  });
  return { ...Object.fromEntries([...places, ...named]), limit: options.limit };
}
