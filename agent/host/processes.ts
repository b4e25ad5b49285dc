import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { namesIn, readSmallFile } from '../machine/durable-file.ts';
import { type Places, runLockPath } from '../machine/places.ts';

/** The trees in which systemd keeps a unit's processes: v2, v1 with a named tree, and the hybrid. */
const cgroupTrees = ['sys/fs/cgroup', 'sys/fs/cgroup/systemd', 'sys/fs/cgroup/unified'];
/** Where systemd puts instances of the template when it has not said otherwise. */
export const defaultControlGroup = (keyId: string): string => `/system.slice/system-fleet\\x2daccount.slice/fleet-account@${keyId}.service`;

/** Processes in a cgroup and everything below it; 0 when it does not exist. Throws when it exists and cannot be read. */
export const countCgroup = (root: string, controlGroup: string): number => {
  const counts = cgroupTrees.map((tree) => join(root, tree)).map((tree) => (existsSync(tree) ? countBelow(join(tree, controlGroup)) : 0));
  return Math.max(0, ...counts);
};

const countBelow = (directory: string): number => {
  if (!existsSync(join(directory, 'cgroup.procs'))) return 0;
  const own = readProcs(join(directory, 'cgroup.procs'));
  const nested = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return nested.reduce((sum, entry) => sum + countBelow(join(directory, entry.name)), own);
};

/** A cgroup may vanish between the look and the read: then it is empty. */
const readProcs = (path: string): number => {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean).length;
  } catch (error) {
    if (!existsSync(path) || (error instanceof Error && 'code' in error && error.code === 'ENODEV')) return 0;
    throw error;
  }
};

/** systemd's range of dynamic users; counting another user's processes would never reach zero. */
const isDynamicUser = (uid: number): boolean => uid >= 61_184 && uid <= 65_519;

/** Users under which the account may have left processes: the unit's now, and the owner of its state directory. */
export const accountUsers = (places: Places, keyId: string, unitUid: number | null): readonly number[] => {
  const state = stateDirectory(places, keyId);
  const users = [unitUid, state === null ? null : statSync(state).uid];
  return [...new Set(users)].filter((uid) => uid !== null).filter(isDynamicUser);
};

/** The state directory behind systemd's link into /var/lib/private; null when the account has none here. */
export const stateDirectory = (places: Places, keyId: string): string | null => {
  const path = join(places.accountState, keyId);
  const privatePath = join(places.root, 'var/lib/private/fleet-accounts', keyId);
  if (existsSync(privatePath)) return privatePath;
  return existsSync(path) && lstatSync(realpathSync(path)).isDirectory() ? realpathSync(path) : null;
};

/**
 * Living processes of any of the users, whatever cgroup they are in; zombies hold no connection and do not count. systemd gives a
 * dynamic user's number to another unit once it is free, so the processes of other units of fleet do not count either.
 */
export const countUsers = (root: string, uids: readonly number[], keyId: string): number => {
  if (uids.length === 0) return 0;
  const proc = join(root, 'proc');
  return namesIn(proc).filter((name) => /^\d+$/.test(name) && isLeftBehind(join(proc, name), uids, keyId)).length;
};

const isLeftBehind = (processPath: string, uids: readonly number[], keyId: string): boolean => {
  const status = textOf(join(processPath, 'status'));
  const users = (/^Uid:\s+(.*)$/m.exec(status)?.[1] ?? '').split(/\s+/).map(Number);
  if (/^State:\s+[ZX]/m.test(status) || !users.some((uid) => uids.includes(uid))) return false;
  const units = [...textOf(join(processPath, 'cgroup')).matchAll(/fleet-(?:account@([0-9a-f]{32})|agent)\.service/g)];
  return units.length === 0 || units.some((unit) => unit[1] === keyId);
};

const textOf = (path: string): string => {
  const file = readSmallFile(path, 64 * 1024);
  return file !== null && 'text' in file ? file.text : '';
};

/** Whether no worker holds the account's run lock. A lock file that does not exist is free. */
export const isRunLockFree = (places: Places, keyId: string): boolean => {
  const path = runLockPath(places, keyId);
  if (!existsSync(path)) return true;
  return spawnSync('flock', ['--nonblock', path, 'true'], { timeout: 10_000 }).status === 0;
};
