import type { Command } from 'commander';
import { type GlobalOptions, globalOptions } from './global-options.ts';
import { type CommandResult, printFailure, printResult } from './output.ts';
import { printErr } from './terminal.ts';

/** What a command's action gets: its own options merged with the global ones, and its arguments. */
export interface Invocation<O> {
  readonly options: O & GlobalOptions;
  readonly args: readonly string[];
  /** Ctrl-C and SIGTERM: the command ends between two acts. A second Ctrl-C ends it at once. */
  readonly signal: AbortSignal;
}

const nameOf = (command: Command): string => (command.parent?.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name());

/** Gives `command` its action: the result is printed once, every error becomes a message and an exit code. */
export function setAction<O>(command: Command, act: (invocation: Invocation<O>) => Promise<CommandResult>): Command {
  return command.action(async () => {
    const options = { ...globalOptions(command), ...command.opts<O & object>() } as O & GlobalOptions;
    const controller = new AbortController();
    const interrupt = (): void => {
      if (controller.signal.aborted) process.exit(130);
      printErr('stopping after the acts that are under way; press Ctrl-C again to leave at once');
      controller.abort();
    };
    process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
    try {
      printResult(nameOf(command), options.json, await act({ options, args: command.args, signal: controller.signal }));
    } catch (error) {
      printFailure(nameOf(command), options.json, error);
    } finally {
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    }
  });
}
