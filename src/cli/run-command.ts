import type { Command } from 'commander';
import { exitCode } from '../verbs/exit-codes.ts';
import { type GlobalOptions, globalOptions } from './global-options.ts';
import { listenForInterruption } from './interruption.ts';
import { type CommandResult, printFailure, printResult } from './output.ts';
import { widenTables } from './terminal.ts';

/** What a command's action gets: its own options merged with the global ones, and its arguments. */
export interface Invocation<O> {
  readonly options: O & GlobalOptions;
  readonly args: readonly string[];
  /**
   * Ctrl-C, SIGTERM and SIGHUP: the command ends between two acts. A second one ends it at once.
   */
  readonly signal: AbortSignal;
}

/** A command that was interrupted says so by its exit code, whatever it got done before. */
const interrupted = (result: CommandResult): CommandResult => ({
  ...result,
  exitCode: exitCode.interrupted,
});

const nameOf = (command: Command): string =>
  command.parent?.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();

/**
 * Gives `command` its action: the result is printed once, every error becomes a message and an exit
 * code.
 */
export function setAction<O>(
  command: Command,
  act: (invocation: Invocation<O>) => Promise<CommandResult>,
): Command {
  return command.action(async () => {
    const options = { ...globalOptions(command), ...command.opts<O & object>() };
    if (options.wide === true) widenTables();
    const interruption = listenForInterruption();
    const { signal } = interruption;
    try {
      const result = await act({
        options: { ...options, signal } as O & GlobalOptions,
        args: command.args,
        signal,
      });
      if (result.isShown === true) return;
      printResult(
        nameOf(command),
        options,
        signal.aborted && result.endsBySignal !== true ? interrupted(result) : result,
      );
    } catch (error) {
      printFailure(nameOf(command), options.json, error);
      if (signal.aborted) process.exitCode = exitCode.interrupted;
    } finally {
      interruption.end();
    }
  });
}
