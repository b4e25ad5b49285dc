import type { MoveRow } from '../ledger/schema.ts';
import type { AccountName } from '../model/names.ts';
import type { StateRecord } from '../vault/state-store.ts';
import type { FleetContext } from './context.ts';

/** What an account continues from when its host is gone: the last state that is known of it. A first placement starts with nothing. */
export async function lastKnownState({ states }: FleetContext, move: MoveRow): Promise<StateRecord | null> {
  if (move.kind !== 'failover') return null;
  const state = await states.get(move.account as AccountName);
  return state?.keyId === move.key_id ? state : null;
}

/**
 * A host that was declared gone may have run until that moment, and what it sent last may still be on its way: nobody connects before the floor of an
 * unclean end. A clock that was set counts as none.
 */
export async function passLostHostFloor(context: FleetContext, moves: readonly MoveRow[]): Promise<void> {
  const { settleUncleanMs } = context.inventory.hold;
  const declaredMs = moves.filter(({ kind }) => kind === 'failover').map(({ created_at }) => created_at);
  if (declaredMs.length === 0) return;
  const leftMs = Math.min(settleUncleanMs, Math.max(...declaredMs) + settleUncleanMs - context.now());
  if (leftMs <= 0) return;
  context.report({ kind: 'phase', text: `waiting ${(leftMs / 1000).toFixed(0)} s for what the lost host may have sent last` });
  await context.pause(leftMs);
}
