import { CommanderError } from 'commander';
import { FleetError } from '../model/errors.ts';
import type { Verb } from '../verbs/verb.ts';
import { longFlag } from './verb-options.ts';

/** Help and version are no mistakes, and have been printed. */
export const isPrinted = (error: unknown): error is CommanderError =>
  error instanceof CommanderError && (error.exitCode === 0 || error.code === 'commander.help');

/**
 * What to do about words that the command line does not know. `verb`: whose command was called, as
 * far as that is known.
 */
function hintFor({ code, message }: CommanderError, verb: Verb | null): string {
  if (verb === null) return 'fleet --help lists the commands, fleet COMMAND --help their options';
  if (code === 'commander.unknownOption' && /'-n/.test(message) && 'lines' in verb.input)
    return (
      '-n means --dry-run everywhere; how many lines is said by --lines, for example ' +
      '--lines 20'
    );
  const missing = Object.entries(verb.input).find(([name]) =>
    message.includes(`${longFlag(name)} `),
  );
  if (code === 'commander.optionMissingArgument' && missing?.[1].example !== undefined)
    return `for example ${longFlag(missing[0])} ${missing[1].example}`;
  return `fleet ${verb.name} --help shows its arguments and options`;
}

/** The mistake as fleet says it. Error `usage`. */
export const usageError = (error: CommanderError, verb: Verb | null): FleetError =>
  new FleetError(
    'usage',
    error.message
      .replace(/^error: /, '')
      .replace(/\n\(Did you mean (.*)\?\)$/s, '; did you mean $1?'),
    {
      hint: hintFor(error, verb),
    },
  );
