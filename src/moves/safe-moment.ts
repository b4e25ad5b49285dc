/**
 * How much younger than its intent a contact may look when the host boots, ms: the longest request (105 s), what the kernel of a machine that gave up still
 * sends for it (about 100 s), a clock that was set back by 5 minutes, and some more.
 */
const marginMs = 600_000;

/**
 * The earliest moment at which "this host is switched off" may be believed (EXCLUSIVITY row 1): only a host that boots later than `holdAfterMs` after
 * the last contact is certain to hold its accounts. All ms since the epoch; null `contactMs`: it was never in contact, so it holds at any time.
 */
export const safeMoment = (contactMs: number | null, holdAfterMs: number): number =>
  contactMs === null ? 0 : contactMs + holdAfterMs + marginMs;
