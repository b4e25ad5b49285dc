import type { Command } from 'commander';
import { durationOption } from './option-values.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  /** The file that was named; undefined: it is looked for. */
  readonly inventory: string | undefined;
  readonly json: boolean;
  /** Progress as JSON lines instead of text. */
  readonly events: boolean;
  /** Neither progress nor notes. */
  readonly quiet: boolean;
  /** Progress as a log, with brief events. */
  readonly verbose: boolean;
  /** Long output on a terminal goes through a pager. */
  readonly pager: boolean;
  readonly yes: boolean;
  /** Tables as wide as their contents. */
  readonly wide: boolean;
  /** How long to wait for another fleet command to end, ms. */
  readonly wait: number;
  readonly limit: string[];
  /** Aborted by Ctrl-C; questions end with it. */
  readonly signal: AbortSignal;
}

const collect = (value: string, before: string[]): string[] => [...before, value];

const parseWait = durationOption(
  '--wait',
  { min: 0, max: 7 * 24 * 3_600_000, words: 'of at most 7 days' },
  '30s',
);

/** Declares the global options on the program; commands read them with {@link globalOptions}. */
export function declareGlobalOptions(program: Command): void {
  program
    .option(
      '-i, --inventory <file>',
      'the inventory; default: the variable FLEET_INVENTORY, else inventory.yaml here or ' +
        'in a folder above',
      process.env.FLEET_INVENTORY || undefined,
    )
    .option(
      '-l, --limit <pattern>',
      'only these hosts: names, globs, groups, label=value, !exclusion (repeatable)',
      collect,
      [],
    )
    .option('--json', 'print one JSON document instead of text', false)
    .option('--events', 'progress as JSON lines on standard error, for programs', false)
    .option('--wide', 'never shorten tables, also on a narrow terminal', false)
    .option('--no-color', 'no colours, as with NO_COLOR in the environment')
    .option('--no-pager', 'no pager for long output on a terminal')
    .option('-q, --quiet', 'no progress: only results, questions and errors', false)
    .option('--verbose', 'progress as a log, with every act', false)
    .option('-y, --yes', 'do not ask before acting', false)
    .option(
      '--wait <duration>',
      'wait this long for another fleet command to end: 30, 30s, 10m',
      parseWait,
      0,
    );
}

export const globalOptions = (command: Command): Omit<GlobalOptions, 'signal'> =>
  command.optsWithGlobals<Omit<GlobalOptions, 'signal'>>();
