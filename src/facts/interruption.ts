import type { AccountSample, HostSample } from '../../hostside/protocol/sample.ts';
import { offlineMsCounter } from '../../hostside/protocol/worker.ts';

/**
 * Since when a running worker says that it is in its state, ms since the epoch by the operator's
 * clock; null: it does not say. `takenAtMs`: when the sample was taken, by that clock. Pure.
 */
export function stateSince(
  sample: HostSample,
  { status }: AccountSample,
  takenAtMs: number,
): number | null {
  const hostMs = status === null ? Number.NaN : Date.parse(status.since);
  return Number.isFinite(hostMs)
    ? Math.round(takenAtMs - Math.max(0, sample.takenAtMs - hostMs))
    : null;
}

/** What lies between two samples of an account that was online in both. */
export interface Interruption {
  /** How long it was not online, ms. */
  readonly lastedMs: number;
  /**
   * Its worker was another one before: the host ended it, or it ended itself. Otherwise it lost its
   * connection.
   */
  readonly isRestart: boolean;
}

const shortestMs = 1_000;

/**
 * null: none that lasted, or its worker does not count. Counters begin at 0 with each process.
 * Pure.
 */
export function interruptionBetween(
  before: AccountSample | undefined,
  now: AccountSample,
): Interruption | null {
  const total = now.status?.counters[offlineMsCounter];
  if (total === undefined) return null;
  const known = before?.status?.counters[offlineMsCounter] ?? 0;
  const connects = (sample: AccountSample | undefined): number =>
    sample?.status?.counters.connects ?? 0;
  const isRestart = before === undefined || total < known || connects(now) < connects(before);
  const lastedMs = isRestart ? total : total - known;
  return lastedMs < shortestMs ? null : { lastedMs, isRestart };
}
