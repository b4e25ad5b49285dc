/** A verb as a command: its arguments and options, confirmation, and text. */
import { Argument, type Command, Option } from 'commander';
import type { Field, Fields, InputOf } from '../verbs/input.ts';
import { type Outcome, runVerb } from '../verbs/run-verb.ts';
import type { Verb } from '../verbs/verb.ts';
import { deskFor } from './cli-desk.ts';
import type { GlobalOptions } from './global-options.ts';
import { countOption, durationOption, numberOption } from './option-values.ts';
import type { CommandResult } from './output.ts';
import { type Invocation, setAction } from './run-command.ts';
import { isOutputPlain } from './terminal.ts';
import { textOf } from './texts.ts';
import type { TextCircumstances, VerbText } from './verb-text.ts';

type Input = InputOf<Fields>;

/** `dryRun` is `--dry-run`. */
const longFlag = (name: string): string => `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** Reads one value of an option; undefined: it is a text. */
function readerOf(long: string, { of, range = { min: 0, max: Number.MAX_SAFE_INTEGER }, example = '' }: Field) {
  if (of === 'count') return countOption(long, range, example);
  if (of === 'number') return numberOption(long, range, example);
  if (of === 'duration') return durationOption(long, { ...range, words: range.words ?? '' }, example);
  return undefined;
}

function optionOf(name: string, field: Field): Option {
  const long = longFlag(name);
  const words = field.isMany && field.many === 'words' ? `<${field.shown}...>` : `<${field.shown}>`;
  const flags = [field.short === undefined ? '' : `-${field.short}, `, long, field.of === 'flag' ? '' : ` ${words}`].join('');
  const option = new Option(flags, field.words);
  if (field.choices !== undefined) option.choices(field.choices);
  const read = readerOf(long, field);
  if (read !== undefined) option.argParser(read);
  if (field.isMany && field.many !== 'words') {
    const split = (value: string): string[] => (field.many === 'commas' ? value.split(',') : [value]);
    option.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), ...split(value)]);
  }
  if (field.isMany) option.default([]);
  if (field.start !== undefined) option.default(field.start, field.startWords);
  if (!field.isOptional) option.makeOptionMandatory();
  return option;
}

function argumentOf(name: string, { shown = name, isMany, isOptional, words = '', choices }: Field): Argument {
  const dots = isMany === true ? '...' : '';
  const argument = new Argument(isOptional ? `[${shown}${dots}]` : `<${shown}${dots}>`, words);
  return choices === undefined ? argument : argument.choices(choices);
}

const fieldsAt = (verb: Verb, place: Field['place']): [string, Field][] =>
  Object.entries(verb.input).filter(([, field]) => field.place === place);

/** What the verb gets: arguments by their places, options by their names. */
function inputOf(verb: Verb, { args, options }: Invocation<object>): Input {
  const places = fieldsAt(verb, 'argument').map(([name, { isMany }], place) => [name, isMany ? args.slice(place) : args[place]]);
  const named = fieldsAt(verb, 'option').map(([name, { of }]) => {
    const value: unknown = Reflect.get(options, name);
    return [name, of === 'flag' ? value === true : value];
  });
  return { ...Object.fromEntries([...places, ...named]), limit: options.limit };
}

function textIn(text: VerbText, { plan, result, isPlanOnly }: Outcome, about: TextCircumstances<Input>): string | Promise<string> {
  if ('result' in text) return text.result(result, about);
  return isPlanOnly ? (text.plan?.(plan, about) ?? '') : text.done(result, plan, about);
}

async function actAs(verb: Verb, invocation: Invocation<object>): Promise<CommandResult> {
  const { options, signal } = invocation;
  const input = inputOf(verb, invocation);
  const text = await textOf(verb);
  const about = (): TextCircumstances<Input> => ({
    ...{ input, nowMs: Date.now(), isAgreed: options.yes, isInterrupted: signal.aborted },
  });
  const propose = (plan: unknown, isAsked: boolean): string => {
    if ('result' in text) return '';
    if (text.proposal !== undefined) return text.proposal(plan, about());
    return isAsked ? (text.plan?.(plan, about()) ?? '') : '';
  };
  const outcome = await runVerb(verb, input, deskFor(options as GlobalOptions, propose));
  const { data, errors, exitCode } = outcome;
  return {
    ...{ data, errors, text: options.json ? '' : await textIn(text, outcome, about()) },
    ...(exitCode === undefined ? {} : { exitCode }),
    ...('result' in text && text.isRaw !== undefined ? { isRaw: text.isRaw(input) || isOutputPlain() } : {}),
    ...('result' in text && text.endsBySignal?.(input) === true ? { endsBySignal: true } : {}),
  };
}

/** The command of the verb, with its parents. */
export function addVerb(program: Command, verb: Verb, parents: Readonly<Record<string, string>>): void {
  const words = verb.name.split(' ');
  const name = words.pop() ?? '';
  const parent = words.reduce((command, word) => {
    const known = command.commands.find((each) => each.name() === word);
    return known ?? command.command(word).description(parents[word] ?? '');
  }, program);
  const command = parent.command(name).description(verb.summary);
  for (const [key, field] of fieldsAt(verb, 'argument')) command.addArgument(argumentOf(key, field));
  for (const [key, field] of fieldsAt(verb, 'option')) command.addOption(optionOf(key, field));
  setAction<object>(command, (invocation) => actAs(verb, invocation));
}
