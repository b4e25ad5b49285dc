/** A claim as the ledger knows it: granted at this epoch by this move. */
export interface RosterClaim {
  readonly keyId: string;
  readonly epoch: number;
  readonly moveId: string;
}

/**
 * Every claim on this key at or below this epoch is over: it was moved, failed over, exported or
 * removed.
 */
export interface GoneClaim {
  readonly keyId: string;
  readonly epoch: number;
}

/**
 * What the ledger's journal says about the accounts of ONE host (docs/exclusivity.md). Three values
 * and a rest: a claim that is neither owned nor arriving
 * nor gone keeps running, and is held at the next boot; so an empty roster stops nothing and frees
 * nothing.
 */
export interface Roster {
  /** Which of several of the same serial is the later one; 1 or more. */
  readonly revision: number;
  /** Claims that the host has by right. */
  readonly owned: readonly RosterClaim[];
  /** Claims that a move under way gives to this host. */
  readonly arriving: readonly RosterClaim[];
  /** Claims that the host has to close before anything else. */
  readonly gone: readonly GoneClaim[];
}

/** A host of the fleet, as others remember it. */
export interface FleetHost {
  readonly name: string;
  /** '' where it is not known. */
  readonly instanceId: string;
}

/**
 * What makes a stamp a contact: how long it lasts, by whose clock, and for which claims. A stamp
 * without it shortens no hold.
 */
export interface ContactOffer {
  /**
   * The operator's clock when it was sent, ms since the epoch; the earlier of both clocks counts.
   */
  readonly sentAtMs: number;
  /** How long after this contact a boot may start accounts unasked, ms. */
  readonly holdAfterMs: number;
  /** Longest time between the host's last heartbeat and the kernel's start of such a boot, ms. */
  readonly holdGapMs: number;
  readonly roster: Roster;
  /**
   * Every host that may own accounts, for who loses ledger and inventory (docs/exclusivity.md, row
   * 47). Absent: from an earlier release.
   */
  readonly hosts?: readonly FleetHost[];
}
