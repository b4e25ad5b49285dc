export type ClaimState = 'active' | 'releasing' | 'released' | 'revoked';

/**
 * The host's own durable record of its right to run an account. Filed by key, not by name. Holds no
 * secret:
 * the key has 2048 random bits, so its digest tells nothing.
 */
export interface Claim {
  /** 2 where `heldSince` is set: programs of the release before refuse to start from it. */
  readonly format: 1 | 2;
  readonly keyId: string;
  /** Name in the ledger that wrote it; for humans. */
  readonly account: string;
  /** Fencing number, 1 or more; raised at every change of owner; never accepted lower than seen. */
  readonly epoch: number;
  readonly state: ClaimState;
  /** The move that brought the claim into this state. */
  readonly moveId: string;
  /**
   * Host name that is to own the account next; set in `releasing` and `released`, otherwise null.
   * `detached`: exported.
   */
  readonly successor: string | null;
  /** SHA-256 (hex) of the final state at `released`; null elsewhere. */
  readonly stateHash: string | null;
  /** The machine that this claim was made for; a clone or image differs. */
  readonly instanceId: string;
  /** The boot in which it was granted or last confirmed. */
  readonly bootId: string;
  /** Ledger that wrote it, and that ledger's serial. */
  readonly authorityId: string;
  readonly serial: number;
  /** SHA-256 (hex) of the canonical session in the vault, for `adopt`. */
  readonly vaultHash: string;
  /**
   * The boot that has held it: it starts nothing in any boot until a grant or a revoke. Absent: not
   * held.
   */
  readonly heldSince?: string;
  /** ISO 8601, the host's clock. */
  readonly writtenAt: string;
}

/**
 * Largest epoch that a host accepts at all; leaves a poisoned counter far away from the end of safe
 * integers.
 */
export const epochLimit = 1_000_000_000;

/**
 * Fencing numbers jump by small steps; further is a mistake, a broken host or an attack on the
 * counter (docs/exclusivity.md, row 29).
 */
export const epochJumpLimit = 1000;
