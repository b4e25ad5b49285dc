import { type Command, Option } from 'commander';
import { FleetError } from '../model/errors.ts';
import { countOption, durationOption, numberOption } from './option-values.ts';

/** What `--canary` and its companions say. */
export interface TrialFlags {
  readonly canary?: number;
  readonly watch?: number;
  readonly maxErrors?: number;
}

const defaults = { watchMs: 600_000, maxErrors: 10 } as const;

/** `--canary COUNT`, `--watch DURATION`, `--max-errors PERCENT`: what is new is tried on a few accounts first. `act`: what that is, in words. */
export const withTrialOptions = (command: Command, act: string): Command =>
  command
    .addOption(
      new Option('--canary <count>', `${act} on so many accounts first, and put it back when they do worse; 0: on all at once`).argParser(
        countOption('--canary', { min: 0, max: 100_000 }, '2'),
      ),
    )
    .addOption(
      new Option('--watch <duration>', 'how long those accounts are watched; default: 10m').argParser(
        durationOption('--watch', { min: 5_000, max: 6 * 3_600_000, words: 'from 5 s to 6 hours' }, '30m'),
      ),
    )
    .addOption(
      new Option(
        '--max-errors <percent>',
        'how much larger their share of failed answers may be than that of the other accounts; default: 10',
      ).argParser(numberOption('--max-errors', { min: 0, max: 100 }, '5')),
    );

/** Errors: `usage`, when the companions stand alone. */
export function trialWishes({ canary, watch, maxErrors }: TrialFlags): { count: number | null; watchMs: number; maxErrors: number } {
  if (canary === undefined && (watch !== undefined || maxErrors !== undefined))
    throw new FleetError('usage', '--watch and --max-errors say how a trial is made', { hint: 'add --canary COUNT' });
  return { count: canary ?? null, watchMs: watch ?? defaults.watchMs, maxErrors: (maxErrors ?? defaults.maxErrors) / 100 };
}
