import { type ClaimTruth, epochAtMost } from './adopt-claims.ts';
import type { EndedMove } from './adoption-plan.ts';
import { detached } from './phases.ts';

/** An open move as the ledger has it. */
export interface JournaledMove {
  readonly id: string;
  readonly account: string;
  readonly keyId: string;
  readonly epoch: number;
  readonly to: string;
  /**
   * Its old owner has given its receipt. `isKept`: what the account remembers is on this machine,
   * so that the move no longer needs that owner. Left out: not that far.
   */
  readonly released?: { readonly from: string; readonly isKept: boolean };
}

/**
 * What the claims say about an open move; nothing: it goes on. `isFreed`: its account has no host
 * from now on, and the move cannot continue.
 */
export function endOf(
  { id, account, epoch, to }: JournaledMove,
  truth: ClaimTruth | undefined,
  isFreed: boolean,
): EndedMove[] {
  if (isFreed) return [{ id, account, end: 'overtaken' }];
  if (truth === undefined || truth.kind === 'conflict' || truth.kind === 'torn') return [];
  if (to === detached) {
    // Its host has written the receipt, but the reply was lost.
    if (truth.kind === 'detached' && truth.epoch >= epoch) return [{ id, account, end: 'done' }];
    // Its host has released that epoch already, and was granted the account again since.
    const isOwnedAnew = truth.kind === 'owned' && truth.claim.epoch > epoch;
    // Its host releases that epoch for another move, which alone can get the receipt.
    const isOfAnother =
      truth.kind === 'leaving' && truth.claim.epoch >= epoch && truth.claim.moveId !== id;
    return isOwnedAnew || isOfAnother ? [{ id, account, end: 'overtaken' }] : [];
  }
  if (truth.kind === 'owned' && truth.claim.moveId === id && truth.host === to)
    return [{ id, account, end: 'done' }];
  const seen = truth.kind === 'leaving' ? truth.claim.epoch : epochAtMost(truth);
  const isOther = truth.kind !== 'owned' || truth.claim.moveId !== id;
  return seen >= epoch && isOther ? [{ id, account, end: 'overtaken' }] : [];
}
