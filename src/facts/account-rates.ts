import type { AccountSample } from '../../hostside/protocol/sample.ts';
import { replyBucketsMs } from '../../hostside/protocol/worker.ts';

/** What happened to an account between two samples. Absent: nothing is known of it. */
export interface AccountRates {
  /** Per hour. */
  readonly restarts: number;
  readonly floodWaits: number;
  /**
   * 95th percentile of its own part of the reply time, s; null: fewer replies than tell anything.
   */
  readonly replySeconds: number | null;
  /** Questions that the model did not answer, %; null: fewer questions than tell anything. */
  readonly modelFailurePercent: number | null;
}

/** Fewer replies or questions than this tell nothing. */
const enough = 10;
const hourMs = 3_600_000;

/**
 * `now` against `before`, `elapsedMs` earlier. Counters begin at 0 with each process: what fell is
 * counted from there. Percentiles by linear interpolation within the bucket, as
 * Prometheus' histogram_quantile does. Pure.
 */
export function accountRates(
  now: AccountSample,
  before: AccountSample,
  elapsedMs: number,
): AccountRates {
  const [new_, old] = [now.status?.counters ?? {}, before.status?.counters ?? {}];
  const since = (name: string): number => grown(new_[name] ?? 0, old[name] ?? 0);
  const perHour = (count: number): number => (count * hourMs) / Math.max(hourMs, elapsedMs);
  const calls = since('model_calls');
  const failures = since('model_failures');
  return {
    restarts: perHour(grown(now.unit.restarts, before.unit.restarts)),
    floodWaits: perHour(since('flood_waits')),
    replySeconds: percentile95(since),
    modelFailurePercent: calls < enough ? null : Math.min(100, (failures / calls) * 100),
  };
}

const grown = (now: number, before: number): number => (now >= before ? now - before : now);

function percentile95(since: (name: string) => number): number | null {
  const counts = [
    ...replyBucketsMs.map((limit) => since(`reply_own_ms_${limit}`)),
    since('reply_own_ms_more'),
  ];
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total < enough) return null;
  const wanted = total * 0.95;
  let below = 0;
  for (const [index, count] of counts.entries()) {
    const upper = replyBucketsMs[index];
    const lower = replyBucketsMs[index - 1] ?? 0;
    if (upper === undefined) return (replyBucketsMs.at(-1) ?? 0) / 1000;
    if (below + count >= wanted)
      return (lower + ((upper - lower) * (wanted - below)) / count) / 1000;
    below += count;
  }
  return null;
}
