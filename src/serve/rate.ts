/** How many requests each caller has left. */

export interface RateLimit {
  /** Requests a second in the long run. */
  readonly perSecond: number;
  /** So many at once after a pause. */
  readonly burst: number;
}

interface Bucket {
  left: number;
  atMs: number;
}

/** Callers remembered at most: those that were away longest are forgotten. */
const mostCallers = 10_000;

export interface Rates {
  /** Counts a request. Returns 0 where it may go on, else the seconds to wait. */
  take(caller: string, nowMs: number): number;
}

export function openRates({ perSecond, burst }: RateLimit): Rates {
  const buckets = new Map<string, Bucket>();
  return {
    take(caller, nowMs) {
      const bucket = buckets.get(caller) ?? { left: burst, atMs: nowMs };
      const grown = bucket.left + (Math.max(0, nowMs - bucket.atMs) / 1000) * perSecond;
      const left = Math.min(burst, grown);
      buckets.delete(caller);
      buckets.set(caller, { left: left >= 1 ? left - 1 : left, atMs: nowMs });
      const [oldest] = buckets.keys();
      if (buckets.size > mostCallers && oldest !== undefined) buckets.delete(oldest);
      return left >= 1 ? 0 : Math.ceil((1 - left) / perSecond);
    },
  };
}
