/**
 * How a host stands, judged by fresh SSH connections alone: a dead agent is a finding, never a
 * reason to move accounts.
 */
export type HostHealth = 'healthy' | 'suspect' | 'down';

/**
 * `unreachableSinceMs`: the first connection that failed since the last one that came through;
 * null: the last one came through. Time counts, not the
 * number of looks, so that a sweep every minute and one every hour say the same about the same
 * moment. `awayUntilMs`: it is expected to be away until
 * then, because its reboot was announced; null: it is not.
 */
export const judgeHealth = (
  unreachableSinceMs: number | null,
  nowMs: number,
  downAfterMs: number,
  awayUntilMs: number | null = null,
): HostHealth => {
  if (unreachableSinceMs === null) return 'healthy';
  if (awayUntilMs !== null && nowMs < awayUntilMs) return 'suspect';
  return nowMs - unreachableSinceMs >= downAfterMs ? 'down' : 'suspect';
};
