/**
 * What is said of a host that does not answer: by the operator, or by a fence that was verified.
 */
export type HostStatement = 'powered-off' | 'destroyed' | 'fenced';

/**
 * How much younger than its intent a contact may look when the host boots, ms: the longest request
 * (105 s), what the kernel of a machine that gave up still
 * sends for it (about 100 s), a clock that was set back by 5 minutes, and some more.
 */
const marginMs = 600_000;

/**
 * How long a host may have been down for its boot to start accounts unasked, ms: an ordinary
 * reboot, with 15 s between heartbeats.
 */
export const holdGapMs = 90_000;

/** What the ledger knows of a host's last contacts, ms since the epoch; null: nothing. */
export interface BootWindow {
  /** When something with authority was last about to be sent to it. */
  readonly contactMs: number | null;
  /** Until when a boot may start accounts unasked, by what was sent to it. */
  readonly mayBootUntilMs: number | null;
}

/**
 * The earliest moment at which "this host is switched off" may be believed (docs/exclusivity.md,
 * rows 1 and 40): only a host that boots later than
 * `holdAfterMs` after the last contact is certain to hold its accounts. Ms since the epoch; 0: it
 * was never in contact, so it holds at any time.
 */
export const safeMoment = (
  { contactMs, mayBootUntilMs }: BootWindow,
  holdAfterMs: number,
): number =>
  contactMs === null && mayBootUntilMs === null
    ? 0
    : Math.max(contactMs === null ? 0 : contactMs + holdAfterMs, mayBootUntilMs ?? 0) + marginMs;
