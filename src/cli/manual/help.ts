/** What the help of a command says besides its arguments and options. */
import type { Command } from 'commander';
import { type Verb, verbFiles, verbGroups } from '../../verbs/verb.ts';

const described = new WeakMap<Command, Verb>();

/** The verb of the command; null: the command only has others. */
export const describedAs = (command: Command): Verb | null => described.get(command) ?? null;

/** It may find another command at work on the ledger. */
const mayWait = (verb: Verb): boolean =>
  verb.kind === 'change'
    ? verb.isBesideOthers !== true
    : verb.kind === 'errand' && verb.isAloneAtTimes === true;

/** Exit codes with their meanings here. */
export function exitCodesOf(verb: Verb): readonly (readonly [string, string])[] {
  const { exits } = verb;
  return [
    ['0', 'done, or nothing to do'],
    ['2', 'a mistake in the command, the inventory or a secret; nothing was done'],
    ['3', exits?.[3] ?? 'it failed, or failed for some hosts or accounts'],
    ...(exits?.[4] === undefined ? [] : ([['4', exits[4]]] as const)),
    ...(mayWait(verb)
      ? ([['5', 'another fleet command holds the ledger; see --wait']] as const)
      : []),
    ['130', 'interrupted by Ctrl-C; unfinished work is listed'],
  ];
}

const columns = (rows: readonly (readonly [string, string])[]): string => {
  const width = Math.max(...rows.map(([first]) => first.length));
  return rows.map(([first, second]) => `  ${first.padEnd(width)}  ${second}`).join('\n');
};

/** Commands are longer than their explanations, so each has a line of its own. */
const exampleLines = (examples: Verb['examples']): string =>
  examples.map(([words, meaning]) => `  fleet ${words}\n      ${meaning}`).join('\n');

function notesOf(about: Verb): string {
  return [
    '',
    'Examples:',
    exampleLines(about.examples),
    '',
    'Exit codes:',
    columns(exitCodesOf(about)),
    ...(about.files.length === 0
      ? []
      : ['', 'Files:', columns(about.files.map((file) => verbFiles[file]))]),
    '',
    'Options of every command, such as --json, --limit and --yes: fleet --help',
  ].join('\n');
}

/** Puts the command into its group and gives it examples, exit codes and files. */
export function describe(command: Command, about: Verb): void {
  described.set(command, about);
  const heading = `${verbGroups[about.group]}:`;
  const top = topOf(command);
  if (top.helpGroup() === '') top.helpGroup(heading);
  command.addHelpText('after', () => notesOf(about));
}

const topOf = (command: Command): Command =>
  command.parent?.parent ? topOf(command.parent) : command;
