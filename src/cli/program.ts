import { readFileSync } from 'node:fs';
import { Command, CommanderError, type Option } from 'commander';
import { exitCode } from '../verbs/exit-codes.ts';
import { verbParents, verbs } from '../verbs/registry.ts';
import { verbGroups } from '../verbs/verb.ts';
import { declareGlobalOptions } from './global-options.ts';
import { printFailure } from './output.ts';
import { guardOutput, printErr, printOut, printRaw } from './terminal.ts';
import { isPrinted, usageError } from './usage-error.ts';
import { addVerb } from './verb-command.ts';

/**
 * The version in package.json, which lies two folders above this file in a checkout and one above
 * the built one.
 */
function readVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const manifest: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
      if (typeof manifest === 'object' && manifest !== null && 'version' in manifest)
        return String(manifest.version);
    } catch {
      // Not this one.
    }
  }
  return 'unknown';
}

/** As commander says it, without defaults that say nothing. */
function optionDescription(option: Option): string {
  const isPlain =
    option.defaultValue === undefined ||
    option.defaultValue === false ||
    Array.isArray(option.defaultValue);
  const notes = [
    ...(option.argChoices === undefined ? [] : [`choices: ${option.argChoices.join(', ')}`]),
    ...(isPlain || option.defaultValue === 0
      ? []
      : [`default: ${String(option.defaultValueDescription ?? option.defaultValue)}`]),
  ];
  return notes.length === 0 ? option.description : `${option.description} (${notes.join('; ')})`;
}

/** The whole command line, with every command in it. */
export function buildProgram(): Command {
  const program = new Command('fleet')
    .description(
      'Runs session-bound workers, first of all Telegram account workers, on many small ' +
        'servers over SSH.',
    )
    .version(readVersion())
    .configureHelp({
      sortSubcommands: false,
      showGlobalOptions: false,
      minWidthToWrap: 16,
      optionDescription,
    })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => printOut(text.trimEnd()),
      writeErr: (text) => printErr(text.trimEnd()),
      outputError: () => undefined,
    });
  declareGlobalOptions(program);
  for (const verb of verbs) addVerb(program, verb, verbParents);
  program.commandsGroup(`${verbGroups.about}:`);
  return program;
}

/** Where the arguments could not be parsed, their words are all that is known of them. */
const wantsJson = (): boolean => {
  const end = process.argv.indexOf('--');
  return process.argv.slice(2, end === -1 ? undefined : end).includes('--json');
};

/**
 * Parses this process's arguments and runs the command that they name. Sets the exit code; never
 * rejects for a mistake of the operator.
 */
export async function runProgram(): Promise<void> {
  guardOutput();
  try {
    const [, , first, ...words] = process.argv;
    if (first === '__complete') {
      const { complete } = await import('./complete.ts');
      printRaw(await complete(buildProgram(), words));
      return;
    }
    if (first === '__runner') {
      const { serveRuns } = await import('../serve/runs/runner.ts');
      await serveRuns(verbs);
      return;
    }
    await buildProgram().parseAsync();
  } catch (error) {
    if (isPrinted(error)) process.exitCode = error.exitCode === 0 ? exitCode.ok : exitCode.input;
    else
      printFailure(
        '',
        wantsJson(),
        error instanceof CommanderError ? usageError(error, null) : error,
      );
  }
}
