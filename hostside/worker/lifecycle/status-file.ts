import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkerStatus } from '../../protocol/worker.ts';
import type { Lifecycle } from './lifecycle.ts';

export const statusOf = (
  lifecycle: Lifecycle,
  nowMs: number,
  gauges: Readonly<Record<string, number>>,
): WorkerStatus => ({
  format: 1,
  state: lifecycle.state,
  since: new Date(lifecycle.sinceMs).toISOString(),
  reason: lifecycle.reason,
  updatedAt: new Date(nowMs).toISOString(),
  userId: lifecycle.userId,
  ...(lifecycle.username === undefined ? {} : { username: lifecycle.username }),
  until: lifecycle.untilMs === null ? null : new Date(lifecycle.untilMs).toISOString(),
  latencyMs: lifecycle.latencyMs,
  counters: { ...lifecycle.counters, ...gauges },
});

/**
 * Replaces `status.json` in one step, readable by everybody. Not synced to disk: the directory does
 * not survive a boot. False when
 * it could not be written (a full /run); the old file stands then.
 */
export const writeStatus = (directory: string, status: WorkerStatus): boolean => {
  const path = join(directory, 'status.json');
  try {
    writeFileSync(`${path}.new`, JSON.stringify(status));
    // The unit's umask takes the rights of others away.
    chmodSync(`${path}.new`, 0o644);
    renameSync(`${path}.new`, path);
    return true;
  } catch {
    return false;
  }
};
