import { raiseEpoch, setAccountState, setPlacement } from '../../ledger/queries/accounts.ts';
import { recordEvent } from '../../ledger/queries/events.ts';
import { advanceMove } from '../../ledger/queries/moves.ts';
import { recordHistory } from '../../ledger/queries/records.ts';
import type { MoveRow, NewHistory } from '../../ledger/schema.ts';
import type { FleetContext } from '../context.ts';

/** A change of owner that took place at `atMs`, as history keeps it. */
export function historyOf(move: MoveRow, atMs: number): NewHistory {
  const { score, strategy, reason, from } = JSON.parse(move.decision_json) as {
    score: number | null;
    strategy: string | null;
    reason: string;
    /** A failover has no old owner that takes part, but one that is known. */
    from?: string | null;
  };
  return {
    ...{
      at: atMs,
      account: move.account,
      host: move.to_host,
      from_host: move.from_host ?? from ?? null,
      type: move.kind,
    },
    ...{ score, strategy, reason, move_id: move.id, decision_json: move.decision_json },
  };
}

/**
 * Its old owner has stopped it for good: `stoppedAtMs` is when it was told to, from where its
 * minutes offline count. Safe to repeat.
 */
export function recordRelease(
  context: FleetContext,
  move: MoveRow,
  stoppedAtMs: number,
): Promise<MoveRow> {
  const { account, from_host, to_host } = move;
  return context.ledger.db.transaction().execute(async (transaction) => {
    const released = await advanceMove(transaction, move, 'released', context.now());
    const reason = `on its way to ${to_host}`;
    await setAccountState(transaction, account, 'offline', reason, stoppedAtMs);
    await recordEvent(transaction, {
      at: stoppedAtMs,
      kind: 'account-released',
      host: from_host,
      account,
      to: to_host,
    });
    return released;
  });
}

/**
 * A host holds the grant: journal, placement, epoch and history in one transaction. Safe to repeat.
 */
export function recordGrant(context: FleetContext, move: MoveRow): Promise<MoveRow> {
  const nowMs = context.now();
  return context.ledger.db.transaction().execute(async (transaction) => {
    // First, because it refuses what another run has ended meanwhile: its account may be gone.
    const granted = await advanceMove(transaction, move, 'granted', nowMs);
    await raiseEpoch(transaction, move.key_id, move.epoch);
    await setPlacement(transaction, {
      account: move.account,
      host: move.to_host,
      epoch: move.epoch,
      move_id: move.id,
      since: nowMs,
    });
    await setAccountState(transaction, move.account, 'placed', 'starting', nowMs);
    await recordHistory(transaction, historyOf(move, nowMs));
    return granted;
  });
}
