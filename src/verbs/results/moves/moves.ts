import { FleetError } from '../../../model/errors.ts';
import type { MoveOutcome } from '../../../workflows/moves/carry-move.ts';
import type { MovePlan } from '../../../workflows/moves/plan-file.ts';
import type { PreparedMoves } from '../../../workflows/moves/plan-moves.ts';

/** One error per account that would have to leave and cannot. */
export const stayingErrors = ({ staying }: MovePlan): FleetError[] =>
  staying.map(
    ({ account, reason, problems }) =>
      new FleetError('placement', reason, {
        account,
        hint:
          'add a host, raise max_accounts, or unpin the account; fleet rankings shows what ' +
          'is free',
        problems,
      }),
  );

/** The plan for programs. */
export const movePlanData = ({
  plan: { input: _, ...plan },
  resumed,
}: PreparedMoves): Record<string, unknown> => ({
  ...plan,
  resumed: resumed.map(({ account, from_host, to_host, phase, epoch }) => ({
    account,
    from: from_host,
    to: to_host,
    phase,
    epoch,
  })),
});

export const outcomeData = ({ problem, ...rest }: MoveOutcome): Record<string, unknown> => ({
  ...rest,
  code: problem?.code ?? null,
});
