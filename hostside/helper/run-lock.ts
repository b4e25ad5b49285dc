import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { touch } from '../machine/locks.ts';
import { type Places, runLockPath } from '../machine/places.ts';
import { hasProcesses, holdersOf } from './processes.ts';

/** The file that systemd opens for the account's unit, as root; no account can open it. */
export const makeRunLock = (places: Places, keyId: string): void =>
  touch(runLockPath(places, keyId), 0o600);

/**
 * Who holds the run lock of an account whose unit is not running; null: nobody. A worker can hand
 * its descriptor to another account, over a unix
 * socket, or leave it unread in one. Neither of them is its worker, so such a lock is given up for
 * a new one: who holds the old one holds nothing.
 */
export const runLockHolder = (places: Places, keyId: string): string | null => {
  const path = runLockPath(places, keyId);
  if (!existsSync(path) || isFree(path)) return null;
  const holders = holdersOf(places.root, path, keyId);
  if (holders.length > 0) return `process ${holders.join(', ')}`;
  // Who cannot look knows nothing.
  if (!hasProcesses(places.root)) return 'a process';
  rmSync(path, { force: true });
  makeRunLock(places, keyId);
  return null;
};

const isFree = (path: string): boolean =>
  spawnSync('flock', ['--nonblock', path, 'true'], { timeout: 10_000 }).status === 0;
