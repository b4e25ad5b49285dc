/** What happens to one account in the ledger. `before` and `after`: hosts, null for none. */
export interface AdoptedAccount {
  readonly account: string;
  readonly keyId: string;
  readonly isNew: boolean;
  readonly before: string | null;
  readonly after: string | null;
  /** Epoch that is known from now on; 0: it never ran. */
  readonly epoch: number;
  /** The move that gave it to `after`; null without a change of the placement. */
  readonly moveId: string | null;
  readonly isChanged: boolean;
  readonly isDetached: boolean;
  readonly isStill: boolean;
  readonly reason: string;
}

/**
 * A change of owner that only the hosts know of; it is put back into the journal and goes on like
 * any other.
 */
export interface FoundMove {
  readonly id: string;
  readonly account: string;
  readonly keyId: string;
  readonly from: string;
  readonly to: string;
  /** Epoch at which `from` holds it. */
  readonly fromEpoch: number;
  /**
   * Above every epoch that any host has seen, so that `to` accepts it although it has revoked this
   * very move.
   */
  readonly epoch: number;
}

/**
 * A torn, missing or foreign claim that its host closes for good, at an epoch above all that were
 * used; or a revoked one whose stop was interrupted. Only then may the account start again, there
 * or elsewhere.
 */
export interface ClosedClaim {
  readonly account: string;
  readonly keyId: string;
  readonly host: string;
  readonly epoch: number;
  /** Files that go with it. */
  readonly stagedEpochs: readonly number[];
  /** Of the interrupted revoke, which is repeated unchanged; left out: it is a new one. */
  readonly moveId?: string;
}

/** What the operator has to say before anything is decided. */
export type AdoptionDoubt = Pick<AdoptionProblem, 'text' | 'hint'>;

export interface AdoptionProblem {
  readonly account: string | null;
  readonly host: string | null;
  readonly text: string;
  readonly hint: string;
}

export interface AdoptionPlan {
  readonly accounts: readonly AdoptedAccount[];
  /** Open moves of the ledger that have already ended on the hosts. */
  readonly endedMoves: readonly EndedMove[];
  readonly foundMoves: readonly FoundMove[];
  readonly closedClaims: readonly ClosedClaim[];
  /** What cannot be decided from here. Nothing is guessed about it. */
  readonly problems: readonly AdoptionProblem[];
}

/** An open move that has already ended on the hosts. */
export interface EndedMove {
  readonly id: string;
  readonly account: string;
  readonly end: 'done' | 'overtaken';
}
