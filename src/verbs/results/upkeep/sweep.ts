import type { FleetError } from '../../../model/errors.ts';
import type { SweepResult } from '../../../workflows/checkup/sweep.ts';
import { outcomeData } from '../moves/moves.ts';

export const sweepErrors = ({
  hosts,
  problems,
  moves,
  grants,
  told,
}: SweepResult): FleetError[] => [
  ...hosts.flatMap(({ problem }) => (problem === null ? [] : [problem])),
  ...problems,
  ...(told?.problems ?? []),
  ...[...moves, ...grants].flatMap(({ problem }) => (problem === null ? [] : [problem])),
];

/** The result for programs. */
export const sweepData = ({
  isObserver,
  hosts,
  moves,
  grants,
  prunedSamples,
  failedOver,
  told,
}: SweepResult): Record<string, unknown> => ({
  isObserver,
  hosts: hosts.map(({ problem, unreachableSinceMs, awayUntilMs, ...host }) => ({
    ...host,
    awayUntil: awayUntilMs === null ? null : new Date(awayUntilMs).toISOString(),
    unreachableSince:
      unreachableSinceMs === null ? null : new Date(unreachableSinceMs).toISOString(),
    code: problem?.code ?? null,
  })),
  moves: moves.map(outcomeData),
  accounts: grants.map(({ account, host, state, problem }) => ({
    account,
    host,
    state,
    code: problem?.code ?? null,
  })),
  prunedSamples,
  failedOver,
  alerts: told === null ? null : { items: told.items, sent: told.sent, waiting: told.waiting },
});
