/** Journaled phases of a change of owner, in order (DESIGN section 5). A first placement has no old owner and skips `released`. */
export type MovePhase = 'planned' | 'staged' | 'released' | 'granted' | 'done' | 'aborted';

/** Why an account changes its host (requirement B7). */
export type MoveKind = 'initial' | 'rebalance' | 'failover' | 'drain' | 'manual';

const successors: Readonly<Record<MovePhase, readonly MovePhase[]>> = {
  planned: ['staged', 'aborted'],
  staged: ['released', 'granted', 'aborted'],
  released: ['granted'],
  granted: ['done'],
  done: [],
  aborted: [],
};

/**
 * Whether `to` may follow `from`. With an old owner the release comes before the grant; without one there is nothing to release.
 * A move is aborted only while nothing was released.
 */
export function mayFollow(from: MovePhase, to: MovePhase, hasOldOwner: boolean): boolean {
  if (from === 'staged' && to === 'granted') return !hasOldOwner;
  if (from === 'staged' && to === 'released') return hasOldOwner;
  return successors[from].includes(to);
}

/** A move that still needs an act. */
export const isOpen = (phase: MovePhase): boolean => phase !== 'done' && phase !== 'aborted';

/**
 * Abort of a `staged` move must first make the new host durably refuse a late grant (EXCLUSIVITY row 7): the grant may have been
 * sent although no reply arrived. A `planned` move was never granted.
 */
export const abortNeedsRevoke = (phase: MovePhase): boolean => phase === 'staged';
