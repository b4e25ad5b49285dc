/**
 * After failures in a row a server is left alone for a while, then asked once; only a success
 * closes the circuit again.
 */
export interface Breaker {
  /** In a row. */
  readonly failures: number;
  /** Nothing is asked before this, wall clock, ms; 0: the circuit is closed. */
  readonly openUntilMs: number;
}

export const closedBreaker: Breaker = { failures: 0, openUntilMs: 0 };

/** Failures in a row that open it. */
const limit = 5;
const firstRestMs = 15_000;
const longestRestMs = 600_000;

export const isOpen = (breaker: Breaker, nowMs: number): boolean => nowMs < breaker.openUntilMs;

/**
 * `holdMs`: how long the server itself asked to be left alone, which opens the circuit whatever the
 * count.
 */
export const afterFailure = (before: Breaker, nowMs: number, holdMs: number): Breaker => {
  const failures = before.failures + 1;
  const restMs =
    failures < limit
      ? 0
      : Math.min(firstRestMs * 2 ** Math.min(failures - limit, 20), longestRestMs);
  const openMs = Math.min(Math.max(restMs, holdMs), longestRestMs);
  return { failures, openUntilMs: openMs === 0 ? 0 : Math.max(before.openUntilMs, nowMs + openMs) };
};
