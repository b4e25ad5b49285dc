import type { Command } from 'commander';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly inventory: string;
  readonly json: boolean;
  /** Progress as JSON lines instead of text. */
  readonly events: boolean;
  readonly yes: boolean;
  /** Seconds to wait for another fleet command to end. */
  readonly wait: string;
  readonly limit: string[];
}

const collect = (value: string, before: string[]): string[] => [...before, value];

/** Declares the global options on the program; commands read them with {@link globalOptions}. */
export function declareGlobalOptions(program: Command): void {
  program
    .option('-i, --inventory <file>', 'the inventory', process.env.FLEET_INVENTORY ?? 'inventory.yaml')
    .option('-l, --limit <pattern>', 'only these hosts: names, globs, groups, label=value, !exclusion (repeatable)', collect, [])
    .option('--json', 'print one JSON document instead of text', false)
    .option('--events', 'progress as JSON lines on standard error, for programs', false)
    .option('-y, --yes', 'do not ask before acting', false)
    .option('--wait <seconds>', 'wait this long for another fleet command to end', '0');
}

export const globalOptions = (command: Command): GlobalOptions => command.optsWithGlobals<GlobalOptions>();
