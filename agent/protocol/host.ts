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

/** Decided once per boot, before the agent and any account (DESIGN section 3, "Hold after a boot"). */
export interface BootVerdict {
  readonly format: 1;
  readonly bootId: string;
  readonly verdict: 'run' | 'hold';
  /** Empty when `run`. */
  readonly reasons: readonly string[];
  readonly decidedAt: string;
}

/** `/var/lib/fleet/authority.json`. */
export interface AuthorityRecord {
  readonly format: 1;
  readonly id: string;
  readonly serial: number;
  readonly nonce: string;
  /** Last serial of each authority that was taken over, so that a late take-over by one of them is refused. */
  readonly former?: Readonly<Record<string, number>>;
}

/** `/var/lib/fleet/contact.json`: written by the helper for every act of the authority. */
export interface ContactRecord {
  readonly format: 1;
  readonly bootId: string;
  /** Milliseconds since the epoch by the host's clock. */
  readonly wallMs: number;
  /** Milliseconds since boot, suspended time included. */
  readonly bootMs: number;
}
