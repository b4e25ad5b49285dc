/**
 * `fleet __complete WORD...`: what the last word may become. Asks no host; what cannot be read
 * gives no candidates.
 */
import type { Command, Option } from 'commander';
import type { Field } from '../verbs/input.ts';
import { readKnownAccounts, readKnownHosts, readNamedAccounts } from '../verbs/known-names.ts';
import { loadInventoryOf } from '../verbs/open-context.ts';
import { describedAs } from './manual/help.ts';

/** The shell completes names of files itself. */
const files = ':files';

interface Position {
  readonly command: Command;
  /** Positional words before the one that is typed. */
  readonly before: number;
  /** The option whose value is typed. */
  readonly option: Option | undefined;
  readonly inventory: string | undefined;
}

const optionsOf = (command: Command): readonly Option[] =>
  command.parent === null ? command.options : [...command.options, ...optionsOf(command.parent)];

/** Walks along the words as the command line would. */
function positionOf(program: Command, words: readonly string[]): Position {
  let command = program;
  let before = 0;
  let option: Option | undefined;
  let inventory: string | undefined;
  for (const word of words) {
    if (option !== undefined) {
      if (option.long === '--inventory') inventory = word;
      option = undefined;
    } else if (word.startsWith('-')) {
      const named = optionsOf(command).find(({ short, long }) => word === short || word === long);
      option = named?.required === true ? named : undefined;
      if (word.startsWith('--inventory=')) inventory = word.slice('--inventory='.length);
    } else {
      const next = command.commands.find(
        (each) => each.name() === word || each.aliases().includes(word),
      );
      if (next === undefined) before += 1;
      else command = next;
    }
  }
  return { command, before, option, inventory };
}

/** The field of the verb that is typed there. */
function fieldAt({ command, before, option }: Position): Field | undefined {
  const verb = describedAs(command);
  if (verb === null) return undefined;
  if (option !== undefined) return verb.input[option.attributeName()];
  const places = Object.values(verb.input).filter(({ place }) => place === 'argument');
  const last = places.at(-1);
  return places[before] ?? (last?.isMany === true ? last : undefined);
}

type Wanted = Pick<Field, 'of' | 'among' | 'isMany' | 'isExact'>;

/** Names, and patterns over them where several may be named. */
async function withPatterns(
  names: readonly string[],
  { isMany, isExact }: Wanted,
): Promise<readonly string[]> {
  if (isMany !== true || isExact === true) return names;
  const { patternsOver } = await import('../inventory/name-pattern.ts');
  return [...names, ...patternsOver(names)];
}

/** Candidates for a value. */
async function valuesOf(field: Wanted, inventory: string | undefined): Promise<readonly string[]> {
  const desk = { inventory };
  const load = () => loadInventoryOf({ ...desk, note: () => undefined });
  const accounts = async (): Promise<readonly string[]> =>
    field.among === 'inventory'
      ? readNamedAccounts(desk)
      : (await readKnownAccounts(desk)).map(({ name }) => name);
  const groups = async (): Promise<readonly string[]> => [
    ...new Set((await load()).hosts.flatMap((host) => host.groups.map(String))),
  ];
  switch (field.of) {
    case 'host':
      return withPatterns(await readKnownHosts(desk), field);
    case 'account':
      return withPatterns(await accounts(), field);
    case 'subject':
      return [...(await readKnownHosts(desk)), ...(await accounts())];
    case 'group':
      return groups();
    case 'pattern':
      return [...(await load()).hosts.map(({ name }) => name), ...(await groups())];
    case 'channel':
      return Object.keys((await load()).alerts?.channels ?? {});
    case 'script': {
      const { listAllScripts } = await import('../workflows/answers/test-script.ts');
      return [
        ...(await listAllScripts(await load().catch(() => null))).map(({ name }) => name),
        files,
      ];
    }
    case 'file':
    case 'folder':
      return [files];
    default:
      return [];
  }
}

/** Every candidate, also those that the last word does not begin. */
async function candidatesOf(
  program: Command,
  words: readonly string[],
): Promise<readonly string[]> {
  const typed = words.at(-1) ?? '';
  const position = positionOf(program, words.slice(0, -1));
  const { command, option, inventory } = position;
  if (option === undefined && typed.startsWith('-')) {
    return optionsOf(command).flatMap(({ long, hidden }) => (hidden || long == null ? [] : [long]));
  }
  if (option?.long === '--limit') return valuesOf({ of: 'pattern' }, inventory);
  if (option?.long === '--inventory') return [files];
  const choices =
    option?.argChoices ??
    (option === undefined ? command.registeredArguments[position.before]?.argChoices : undefined);
  if (choices !== undefined) return choices;
  const field = fieldAt(position);
  if (field !== undefined) return valuesOf(field, inventory);
  return option === undefined ? command.commands.map((each) => each.name()) : [];
}

/** One candidate a line, those that the last word begins. */
export async function complete(program: Command, words: readonly string[]): Promise<string> {
  const typed = words.at(-1) ?? '';
  const found = await candidatesOf(program, words).catch(() => []);
  return found.filter((each) => each === files || each.startsWith(typed)).join('\n');
}
