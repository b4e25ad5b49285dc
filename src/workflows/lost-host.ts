import { advanceMove, setMoveProblem } from '../ledger/moves.ts';
import type { Run } from '../ledger/runs.ts';
import type { MoveRow } from '../ledger/schema.ts';
import { FleetError } from '../model/errors.ts';
import type { AccountName } from '../model/names.ts';
import type { StateRecord } from '../vault/state-store.ts';
import type { FleetContext } from './context.ts';
import { MoveHosts, revokeAtTarget } from './move-hosts.ts';

/** What an account continues from when its host is gone: the last state that is known of it. A first placement starts with nothing. */
export async function lastKnownState({ states }: FleetContext, move: MoveRow): Promise<StateRecord | null> {
  if (move.kind !== 'failover') return null;
  const state = await states.get(move.account as AccountName);
  return state?.keyId === move.key_id ? state : null;
}

/**
 * A host that was declared gone may have run until that moment, and what it sent last may still be on its way; a machine without power sends nothing
 * again. A clock that was set counts as none.
 */
export async function passLostHostFloor(context: FleetContext, moves: readonly MoveRow[]): Promise<void> {
  const { settleMs } = context.inventory.failover;
  const declaredMs = moves.filter(({ kind }) => kind === 'failover').map(({ created_at }) => created_at);
  if (declaredMs.length === 0) return;
  const leftMs = Math.min(settleMs, Math.max(...declaredMs) + settleMs - context.now());
  if (leftMs <= 0) return;
  context.report({ kind: 'phase', text: `waiting ${(leftMs / 1000).toFixed(0)} s for what the lost host may have sent last` });
  await context.pause(leftMs);
}

/** The host that a failover takes the account from; null for any other move. */
export const lostHostOf = ({ kind, decision_json }: MoveRow): string | null =>
  kind === 'failover' ? (JSON.parse(decision_json) as { from: string | null }).from : null;

/** The lost host answers after all and owns the account: it stays there, once the target can no longer start it. Gives what the operator is told. */
export async function yieldToOwner(context: FleetContext, run: Run, move: MoveRow, owner: string): Promise<FleetError> {
  const { db } = context.ledger;
  const problem = new FleetError('claim-refused', `${owner} answers again and owns ${move.account}, which stays there`, {
    ...{ account: move.account, host: owner },
    hint: `fleet sweep starts it there again; fleet drain ${owner} moves it in order`,
  });
  try {
    await revokeAtTarget(context, new MoveHosts(context, run), move);
    await advanceMove(db, move, 'aborted', context.now(), problem.message);
    return problem;
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    await setMoveProblem(db, move.id, error.message, context.now());
    return error;
  }
}
