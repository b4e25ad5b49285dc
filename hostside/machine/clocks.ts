/**
 * Milliseconds since boot without suspended time (CLOCK_MONOTONIC). Apart from everything else, so
 * that tests can bring a machine that sleeps.
 */
export const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000_000n);
