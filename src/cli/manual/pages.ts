/** Every command as data: what the manual and docs/commands.md are made from. */
import type { Command, Option } from 'commander';
import { type Verb, verbFiles, verbGroups } from '../../verbs/verb.ts';
import { describedAs, exitCodesOf } from './help.ts';

type Pair = readonly [string, string];

export interface CommandPage {
  readonly group: string;
  /** `fleet hosts cordon`. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly usage: string;
  readonly summary: string;
  readonly options: readonly Pair[];
  readonly examples: readonly Pair[];
  readonly exits: readonly Pair[];
  readonly files: readonly Pair[];
}

const nameOf = (command: Command): string =>
  command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;

const all = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(all)];

const pageOf = (command: Command, about: Verb): CommandPage => {
  const help = command.createHelp();
  return {
    group: verbGroups[about.group],
    name: nameOf(command),
    aliases: command.aliases(),
    usage: help.commandUsage(command).replace(/\|\S+/, ''),
    summary: command.description(),
    options: optionRows(command),
    examples: about.examples.map(([words, meaning]) => [`fleet ${words}`, meaning]),
    exits: exitCodesOf(about),
    files: about.files.map((file) => verbFiles[file]),
  };
};

/** The options that help shows, with their explanations. */
export function optionRows(command: Command): readonly Pair[] {
  const help = command.createHelp();
  return help
    .visibleOptions(command)
    .map((option: Option) => [help.optionTerm(option), help.optionDescription(option)] as const);
}

/** In the order of help: by group, then as they were declared. */
export function commandPages(program: Command): readonly CommandPage[] {
  const pages = all(program).flatMap((command) => {
    const about = describedAs(command);
    return about === null ? [] : [pageOf(command, about)];
  });
  return Object.values(verbGroups).flatMap((group) => pages.filter((page) => page.group === group));
}
