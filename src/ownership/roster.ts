import type { Roster, RosterClaim } from '../../hostside/protocol/roster.ts';
import { detached, type MovePhase } from './phases.ts';

/** What the journal has; keys by their id. */
export interface JournalFacts {
  /** Owners that are known for sure: a grant was recorded, or an adoption heard them. */
  readonly placements: readonly (RosterClaim & { readonly host: string })[];
  readonly openMoves: readonly {
    readonly id: string;
    readonly keyId: string;
    readonly from: string | null;
    readonly to: string;
    readonly epoch: number;
    readonly phase: MovePhase;
  }[];
  /**
   * The highest epoch of a key that a host gave up for good: exported or removed, with its receipt.
   */
  readonly givenUp: readonly { readonly keyId: string; readonly epoch: number }[];
  /**
   * The highest epoch that was granted of a key that has no owner now: its last one has lost it.
   */
  readonly unowned: readonly { readonly keyId: string; readonly epoch: number }[];
}

/**
 * What the journal says about the accounts of one host (docs/exclusivity.md, rule R1). Gone is only
 * what somebody owned later, or gave up: an epoch that
 * was used after it is the proof. What the ledger does not know, or does not know any more, is not
 * listed.
 */
export function rosterFor(
  host: string,
  { placements, openMoves, givenUp, unowned }: JournalFacts,
): Omit<Roster, 'revision'> {
  const released = openMoves.filter(
    ({ from, phase }) => from === host && (phase === 'released' || phase === 'granted'),
  );
  const hasLetGo = (keyId: string): boolean => released.some((move) => move.keyId === keyId);
  const owned = placements.filter(
    (placement) => placement.host === host && !hasLetGo(placement.keyId),
  );
  const arriving = openMoves
    .filter(({ to, phase }) => to === host && phase !== 'planned')
    .map(({ keyId, epoch, id }): RosterClaim => ({ keyId, epoch, moveId: id }))
    .filter(
      (claim) => !owned.some(({ keyId, epoch }) => keyId === claim.keyId && epoch === claim.epoch),
    );
  const over = new Map<string, number>();
  const end = (keyId: string, epoch: number): void =>
    void over.set(keyId, Math.max(epoch, over.get(keyId) ?? 0));
  for (const { keyId, epoch } of givenUp) end(keyId, epoch);
  for (const { keyId, epoch, to, phase } of openMoves)
    if (to === detached && phase === 'released') end(keyId, epoch);
  for (const { keyId, epoch } of unowned) end(keyId, epoch - 1);
  // Here, too: a claim older than its own grant means that the disk was rolled back.
  for (const { keyId, epoch } of placements) end(keyId, epoch - 1);
  // It gave its receipt for the epoch of its placement: only a disk that was rolled back still
  // claims it.
  for (const { keyId, epoch } of placements.filter(
    (placement) => placement.host === host && hasLetGo(placement.keyId),
  ))
    end(keyId, epoch);
  const standing = [...owned, ...arriving];
  const gone = [...over].flatMap(([keyId, epoch]) => {
    const least = Math.min(
      epoch,
      ...standing.filter((claim) => claim.keyId === keyId).map((claim) => claim.epoch - 1),
    );
    return least > 0 ? [{ keyId, epoch: least }] : [];
  });
  return {
    owned: owned.map(({ keyId, epoch, moveId }) => ({ keyId, epoch, moveId })),
    arriving,
    gone,
  };
}
