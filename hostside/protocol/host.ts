import type { FleetHost, RosterClaim } from './roster.ts';

/** `/etc/fleet/host.json`: what `fleet init` tells a host about itself. No secret. */
export interface HostConfig {
  readonly format: 1;
  readonly fleet: string;
  readonly host: string;
  readonly holdAfterMs: number;
  readonly requireClockSync: boolean;
  readonly settleMs: number;
  readonly settleUncleanMs: number;
}

/** Decided once per boot, before the agent and any account. */
export interface BootVerdict {
  readonly format: 1;
  readonly bootId: string;
  readonly verdict: 'run' | 'hold';
  /** Empty when `run`. */
  readonly reasons: readonly string[];
  /**
   * The claims that were judged; any other one is held. `run` is said when none of these is held.
   * Absent: written by an earlier release.
   */
  readonly claims?: readonly JudgedClaim[];
  readonly decidedAt: string;
}

/** What a boot decided about one claim. */
export interface JudgedClaim {
  readonly keyId: string;
  readonly epoch: number;
  readonly isHeld: boolean;
}

/** `/var/lib/fleet/authority.json`. */
export interface AuthorityRecord {
  readonly format: 1;
  readonly id: string;
  readonly serial: number;
  readonly nonce: string;
  /**
   * Last serial of each authority that was taken over, so that a late take-over by one of them is
   * refused.
   */
  readonly former?: Readonly<Record<string, number>>;
  /**
   * Where this authority's history stood when runs of it were heard, oldest first, a dozen at most.
   * Absent: none told it.
   */
  readonly heads?: readonly HistoryHead[];
}

/**
 * Where a ledger's history stands: how many entries it has, and the hash of the last (SHA-256,
 * hex), which depends on all of them.
 */
export interface HistoryHead {
  readonly length: number;
  readonly hash: string;
}

/** Longest time from an announcement to its end, ms. */
export const longestAnnouncementMs = 30 * 60_000;

/**
 * `/var/lib/fleet/claims/announcement.json`: the authority has announced a reboot. Serves the first
 * boot after the one in which it was made, until its end
 * (hostside/hold/decide-announcement.ts).
 */
export interface AnnouncementRecord {
  readonly format: 1;
  /** Names it; the same one again changes nothing. */
  readonly id: string;
  readonly authorityId: string;
  /** The boot in which it was made. */
  readonly bootId: string;
  /** Its end by this host's clock, ms since the epoch. */
  readonly untilMs: number;
  /** The boot that it has served, or would have; null: none yet. */
  readonly usedBy: string | null;
}

/**
 * `/var/lib/fleet/contact.json`: written by the helper for every request of the authority that
 * carries a roster, after the roster's closures. Those of
 * earlier releases (format 1) name no claims and free none.
 */
export interface ContactRecord {
  readonly format: 2;
  readonly bootId: string;
  /** Milliseconds since the epoch, by the earlier of the host's and the operator's clock. */
  readonly wallMs: number;
  /** Milliseconds since boot, suspended time included. */
  readonly bootMs: number;
  /** How long after it a boot may start accounts unasked, as the authority believes it too, ms. */
  readonly holdAfterMs: number;
  readonly holdGapMs: number;
  readonly authorityId: string;
  readonly serial: number;
  /** Of the roster, within the serial. */
  readonly revision: number;
  /**
   * The claims for which it counts: owned by this host or arriving there, and not held in this
   * boot.
   */
  readonly claims: readonly RosterClaim[];
  /** The fleet's hosts, as the ledger had them. */
  readonly hosts?: readonly FleetHost[];
  /** Every active claim of the host was among them: the boot has been judged as a whole. */
  readonly isWhole: boolean;
}
