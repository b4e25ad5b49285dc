import { FleetError } from '../model/errors.ts';
import { exitCode, exitCodeOf } from './exit-codes.ts';
import { errorAnnotation } from './github-progress.ts';
import { formatError } from './render/error.ts';

/** Version of every JSON document that fleet prints; raised when a field changes its meaning or goes away. */
export const jsonVersion = 1;

/**
 * What a command has to say at its end: `data` is the JSON form, `text` the same for people, `errors` what failed for some hosts or accounts.
 * The exit code follows from them unless it is given.
 */
export interface CommandResult {
  readonly data: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly errors?: readonly FleetError[];
  readonly exitCode?: number;
}

const errorData = ({ code, message, hint, host, account, problems }: FleetError): Record<string, unknown> => ({
  code,
  message,
  hint,
  ...(host === undefined ? {} : { host }),
  ...(account === undefined ? {} : { account }),
  ...(problems.length === 0 ? {} : { problems }),
});

/** BigInt user ids become decimal text; everything else is plain JSON. */
const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, field: unknown) => (typeof field === 'bigint' ? field.toString() : field));

/** Prints a command's result and sets the exit code. Results go to standard output, errors and progress to standard error. */
export function printResult(command: string, json: boolean, result: CommandResult): void {
  const errors = result.errors ?? [];
  process.exitCode = result.exitCode ?? (errors.length > 0 ? exitCode.failed : exitCode.ok);
  if (json) {
    const document = { version: jsonVersion, command, ok: process.exitCode === exitCode.ok, ...result.data, errors: errors.map(errorData) };
    console.log(toJson(document));
    return;
  }
  if (result.text !== '') console.log(result.text);
  for (const error of errors) printError(error);
}

function printError(error: FleetError): void {
  console.error(formatError(error));
  if (process.env.GITHUB_ACTIONS === 'true') console.error(errorAnnotation(error.message));
}

/** Prints the error that ended a command and sets the exit code. */
export function printFailure(command: string, json: boolean, error: unknown): void {
  process.exitCode = exitCodeOf(error);
  if (error instanceof FleetError) {
    if (json) console.log(toJson({ version: jsonVersion, command, ok: false, errors: [errorData(error)] }));
    else printError(error);
    return;
  }
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (json) console.log(toJson({ version: jsonVersion, command, ok: false, errors: [{ code: 'bug', message: details }] }));
  else console.error(`This is a bug in fleet, please report it:\n${details}`);
}
