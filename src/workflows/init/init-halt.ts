import { FleetError } from '../../model/errors.ts';
import type { HostName } from '../../model/names.ts';
import type { AnswerFeed } from './answer-feed.ts';
import type { PlannedStep } from './init-plan.ts';

/** Between two answers the host reads this line as: leave out the steps after the one under way. */
const stopLine = Buffer.from('stop\n');

export interface Halt {
  /**
   * Rejects with `interrupted` when the operator wants to stop before the host has been sent
   * anything.
   */
  readonly early: Promise<never>;
  /** From here on a stop is a line to the host. */
  begun(): void;
  end(): void;
}

/**
 * Ctrl-C for one host: who is still on the way to it turns round, a program that runs there is told
 * to end after its step.
 */
export function haltOnSignal(
  host: HostName,
  feed: AnswerFeed,
  signal: AbortSignal | undefined,
): Halt {
  let hasBegun = false;
  let turnRound: (reason: FleetError) => void = () => undefined;
  const early = new Promise<never>((_, reject) => {
    turnRound = reject;
  });
  early.catch(() => undefined);
  const tell = (): void =>
    feed.add(async () =>
      (async function* () {
        yield stopLine;
      })(),
    );
  const onAbort = (): void => {
    if (hasBegun) tell();
    else
      turnRound(
        new FleetError('interrupted', `${host}: interrupted before its program began`, {
          hint: 'run the command again',
          host,
        }),
      );
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  return {
    early,
    begun: () => {
      hasBegun = true;
      // It was pressed while the connection was made.
      if (signal?.aborted === true) tell();
    },
    end: () => signal?.removeEventListener('abort', onAbort),
  };
}

/** Steps of the plan that brought no result: they are still to be done. */
export const openSteps = (
  steps: readonly PlannedStep[],
  done: readonly { readonly id: string }[],
): string[] => {
  const ids = new Set(done.map(({ id }) => id));
  return steps.map(({ id }) => id).filter((id) => !ids.has(id));
};

/** What an interrupted host has open, and how to go on. `done` and `of` count steps. */
export function haltedError(
  host: HostName,
  open: readonly string[],
  of: number,
  goOn: string,
): FleetError {
  const done = of - open.length;
  const what =
    done === 0
      ? `interrupted before its first of ${of} steps`
      : `interrupted after ${done} of ${of} steps, ${open.length} left`;
  return new FleetError('interrupted', `${host}: ${what}`, {
    hint:
      `${done === 0 ? 'nothing was changed there' : 'what was done there stays'}; go on ` +
      `with: ${goOn}`,
    host,
  });
}
