import { FleetError } from '../model/errors.ts';
import { systemFailure } from '../surroundings/system-error.ts';
import { exitCode, exitCodeOf } from '../verbs/exit-codes.ts';
import { formatError, formatErrors } from './render/error.ts';
import {
  annotateError,
  foldedOut,
  printErr,
  printJson,
  printOut,
  printPaged,
  printRaw,
} from './terminal.ts';

/**
 * Version of every JSON document that fleet prints; raised when a field changes its meaning or goes
 * away.
 */
export const jsonVersion = 1;

/**
 * What a command has to say at its end: `data` is the JSON form, `text` the same for people,
 * `errors` what failed for some hosts or accounts.
 * The exit code follows from them unless it is given.
 */
export interface CommandResult {
  readonly data: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly errors?: readonly FleetError[];
  readonly exitCode?: number;
  /** The text is a host's output and goes to no terminal: as it is. */
  readonly isRaw?: boolean;
  /**
   * The whole text of a look that has ended: where it is long, a terminal shows it through a pager.
   */
  readonly isPaged?: boolean;
  /** It has been printed already; Ctrl-C ended it. */
  readonly isShown?: boolean;
  /** Ctrl-C is how this command ends (`logs --follow`): then it is no failure. */
  readonly endsBySignal?: boolean;
}

const errorData = ({
  code,
  message,
  hint,
  host,
  account,
  problems,
}: FleetError): Record<string, unknown> => ({
  code,
  message,
  hint,
  ...(host === undefined ? {} : { host }),
  ...(account === undefined ? {} : { account }),
  ...(problems.length === 0 ? {} : { problems }),
});

interface PrintOptions {
  readonly json: boolean;
  /** Results that are paged go through a pager on a terminal. */
  readonly pager: boolean;
}

/**
 * Prints a command's result and sets the exit code. Results go to standard output, errors and
 * progress to standard error.
 */
export function printResult(
  command: string,
  { json, pager }: PrintOptions,
  result: CommandResult,
): void {
  const errors = result.errors ?? [];
  process.exitCode = result.exitCode ?? (errors.length > 0 ? exitCode.failed : exitCode.ok);
  if (json) {
    const document = {
      version: jsonVersion,
      command,
      ok: process.exitCode === exitCode.ok,
      ...result.data,
      errors: errors.map(errorData),
    };
    printJson(document);
    return;
  }
  if (result.text !== '') {
    if (result.isRaw === true) printRaw(result.text);
    else (pager && result.isPaged === true ? printPaged : printOut)(foldedOut(result.text));
  }
  for (const text of formatErrors(errors)) printErr(text);
  for (const { message } of errors) annotateError(message);
}

function printError(error: FleetError): void {
  printErr(formatError(error));
  annotateError(error.message);
}

/** Prints the error that ended a command and sets the exit code. */
export function printFailure(command: string, json: boolean, thrown: unknown): void {
  const error = systemFailure(thrown) ?? thrown;
  process.exitCode = exitCodeOf(error);
  if (error instanceof FleetError) {
    if (json) printJson({ version: jsonVersion, command, ok: false, errors: [errorData(error)] });
    else printError(error);
    return;
  }
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (json)
    printJson({
      version: jsonVersion,
      command,
      ok: false,
      errors: [{ code: 'bug', message: details }],
    });
  else printErr(`This is a bug in fleet, please report it:\n${details}`);
}
