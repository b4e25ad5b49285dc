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
   * so that the move needs that owner no more. Left out: not that far.
   */
  readonly released?: { readonly from: string; readonly isKept: boolean };
}

/**
 * What the claims say about an open move; nothing: it goes on. `isFreed`: its account is placed
 * nowhere from now on, and it cannot go on.
 */
export function endOf(
  { id, account, epoch, to }: JournaledMove,
  truth: ClaimTruth | undefined,
  isFreed: boolean,
): EndedMove[] {
  if (isFreed) return [{ id, account, end: 'overtaken' }];
  if (truth === undefined || truth.kind === 'conflict' || truth.kind === 'torn') return [];
  if (to === detached) {
    // Its host has given the receipt, and whoever asked for it did not hear it.
    if (truth.kind === 'detached' && truth.epoch >= epoch) return [{ id, account, end: 'done' }];
    // Its host has let go of that epoch already, and was given the account anew since.
    const isOwnedAnew = truth.kind === 'owned' && truth.claim.epoch > epoch;
    // Its host gives that epoch up by another move, which alone can get the receipt.
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
