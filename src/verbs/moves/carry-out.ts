import type { Run } from '../../ledger/queries/runs.ts';
import type { FleetError } from '../../model/errors.ts';
import type { MoveOutcome } from '../../workflows/moves/carry-move.ts';
import type { PreparedMoves } from '../../workflows/moves/plan-moves.ts';
import type { OpenContext } from '../open-context.ts';
import type { Json } from '../outcome.ts';
import { movePlanData, outcomeData, stayingErrors } from '../results/moves/moves.ts';

export const problemsOf = (outcomes: readonly MoveOutcome[] | null): FleetError[] =>
  (outcomes ?? []).flatMap(({ problem }) => (problem === null ? [] : [problem]));

/** What verbs have in common that carry out a plan of moves. */
export const movingVerb = {
  isEmpty: ({ plan, resumed }: PreparedMoves): boolean =>
    plan.moves.length === 0 && resumed.length === 0 && plan.cordon === null,
  question: (): string => 'Carry this out?',
  /** Begins no move after `deadlineMs`. */
  execute: async (
    context: OpenContext,
    begin: () => Promise<Run>,
    prepared: PreparedMoves,
    deadlineMs?: number,
  ): Promise<readonly MoveOutcome[]> => {
    const { executeMoves } = await import('../../workflows/moves/move-accounts.ts');
    return executeMoves(context, await begin(), prepared, deadlineMs);
  },
  toJson: (
    prepared: PreparedMoves,
    done: readonly MoveOutcome[] | null,
    { dryRun }: { readonly dryRun: boolean },
  ): Json => ({
    dryRun,
    plan: movePlanData(prepared),
    moves: (done ?? []).map(outcomeData),
  }),
  problems: ({ plan }: PreparedMoves, done: readonly MoveOutcome[] | null): FleetError[] => [
    ...stayingErrors(plan),
    ...problemsOf(done),
  ],
} as const;

/** Exit code 3 of these verbs. */
export const movingExits = { 3: 'an account cannot leave, or a move failed' } as const;
