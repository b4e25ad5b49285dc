/**
 * How far the clocks of this machine had come when it last proved to be awake. Only the difference
 * between two of one boot means something.
 */
export interface Progress {
  /** Time since boot less time awake: grows while the machine is suspended. ms. */
  readonly suspendedMs: number;
  /**
   * Telegram's time, and this machine's time since boot at the same moment, ms; null: Telegram was
   * not asked yet.
   */
  readonly telegram: { readonly atMs: number; readonly bootMs: number } | null;
}

/**
 * A machine that stood still for longer counts as one that booted: its accounts may have been
 * started elsewhere meanwhile.
 */
const standstillMs = 60_000;
/**
 * A sound clock runs wrong by at most so much of the time that passes (the kernel's own limit for
 * corrections).
 */
const driftRatio = 0.0005;

/**
 * Why the account may no longer run here; null: it may. Progress is compared, not clocks
 * (docs/exclusivity.md, row 37): what the wall clock says does not
 * matter. A suspended machine shows by its two clocks since boot, one that was paused from outside
 * (its clocks stand still, too) only by Telegram's time.
 */
export const decideProgress = (before: Progress, now: Progress): string | null => {
  const stoodMs = Math.max(
    now.suspendedMs - before.suspendedMs,
    pausedMs(before.telegram, now.telegram),
  );
  if (stoodMs <= standstillMs) return null;
  return (
    `this machine stood still for ${Math.round(stoodMs / 1000)} s, and the operator was not ` +
    'in contact since'
  );
};

/**
 * By how much Telegram's time went on further than this machine's, beyond what a clock may be wrong
 * by.
 */
const pausedMs = (before: Progress['telegram'], now: Progress['telegram']): number => {
  if (before === null || now === null) return 0;
  const elapsedMs = now.bootMs - before.bootMs;
  return now.atMs - before.atMs - elapsedMs - Math.abs(elapsedMs) * driftRatio;
};
