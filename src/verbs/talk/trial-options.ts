import { FleetError } from '../../model/errors.ts';
import type { TrialWishes } from '../../workflows/trials/try-scripts.ts';
import { option } from '../input.ts';

const defaults = { watchMs: 600_000, maxErrors: 10 } as const;

/**
 * `--canary COUNT`, `--watch DURATION`, `--max-errors PERCENT`: what is new is tried on a few
 * accounts first. `act`: what that is, in words.
 */
export const trialOptions = (act: string) => ({
  canary: option({
    ...{ of: 'count', shown: 'count', range: { min: 0, max: 100_000 }, example: '2' },
    words:
      `${act} on this many accounts first, and roll it back if they do worse; 0: on all ` +
      'accounts at once',
  }),
  watch: option({
    ...{ of: 'duration', shown: 'duration', example: '30m' },
    words: 'how long those accounts are watched; default: 10m',
    range: { min: 5_000, max: 6 * 3_600_000, words: 'from 5 s to 6 hours' },
  }),
  maxErrors: option({
    ...{ of: 'number', shown: 'percent', range: { min: 0, max: 100 }, example: '5' },
    words:
      'how far their share of failed answers may exceed that of the other accounts, in ' +
      'percentage points; default: 10',
  }),
});

interface TrialFlags {
  readonly canary: number | undefined;
  readonly watch: number | undefined;
  readonly maxErrors: number | undefined;
}

/** Errors: `usage`, when the companions stand alone. */
export function trialWishes({ canary, watch, maxErrors }: TrialFlags): TrialWishes {
  if (canary === undefined && (watch !== undefined || maxErrors !== undefined))
    throw new FleetError('usage', '--watch and --max-errors say how a trial is made', {
      hint: 'add --canary COUNT',
    });
  return {
    count: canary ?? null,
    watchMs: watch ?? defaults.watchMs,
    maxErrors: (maxErrors ?? defaults.maxErrors) / 100,
  };
}
