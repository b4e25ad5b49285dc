import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { namesIn, readSmallFile } from '../machine/durable-file.ts';
import { type Places, usersCompletePath, usersPath } from '../machine/places.ts';

/**
 * The trees in which systemd keeps a unit's processes: v2, v1 with a named tree, and the hybrid.
 */
const cgroupTrees = ['sys/fs/cgroup', 'sys/fs/cgroup/systemd', 'sys/fs/cgroup/unified'];
/** Where systemd puts instances of the template when it has not said otherwise. */
export const defaultControlGroup = (keyId: string): string =>
  `/system.slice/system-fleet\\x2daccount.slice/fleet-account@${keyId}.service`;

/**
 * Processes in a cgroup and everything below it; 0 when it does not exist. Throws when it exists
 * and cannot be read.
 */
export const countCgroup = (root: string, controlGroup: string): number => {
  const counts = cgroupTrees
    .map((tree) => join(root, tree))
    .map((tree) => (existsSync(tree) ? countBelow(join(tree, controlGroup)) : 0));
  return Math.max(0, ...counts);
};

const countBelow = (directory: string): number => {
  if (!existsSync(join(directory, 'cgroup.procs'))) return 0;
  const own = linesOf(join(directory, 'cgroup.procs')).length;
  const nested = readdirSync(directory, { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  const listed = nested.reduce((sum, entry) => sum + countBelow(join(directory, entry.name)), own);
  // v2 says so for the whole tree, also of what is in no list.
  const isPopulated = linesOf(join(directory, 'cgroup.events')).includes('populated 1');
  return Math.max(listed, isPopulated ? 1 : 0);
};

/** A cgroup may vanish between the look and the read: then it is empty. */
const linesOf = (path: string): readonly string[] => {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean);
  } catch (error) {
    if (!existsSync(path) || (error instanceof Error && 'code' in error && error.code === 'ENODEV'))
      return [];
    throw error;
  }
};

/** systemd's range of dynamic users; counting another user's processes would never reach zero. */
const isDynamicUser = (uid: number): boolean => uid >= 61_184 && uid <= 65_519;
/** Owner of every file below a state directory that systemd maps for the unit that runs. */
const nobody = 65_534;

/**
 * Users under which the account may have left processes: the unit's now, those that its unit
 * recorded in this boot, and the owner of its state
 * directory. null: it may have run in this boot, and nothing tells under which user.
 */
export const accountUsers = (
  places: Places,
  keyId: string,
  unitUid: number | null,
): readonly number[] | null => {
  const state = stateDirectory(places, keyId);
  const owner = state === null ? null : statSync(state).uid;
  const recorded = recordedUsers(places, keyId);
  const users = [...new Set([unitUid, owner, ...recorded])]
    .filter((uid) => uid !== null)
    .filter(isDynamicUser);
  const isUnknown =
    users.length === 0 && owner === nobody && !existsSync(usersCompletePath(places));
  return isUnknown ? null : users;
};

/**
 * Remembers the user of a unit that runs: one that was started before its unit recorded that itself
 * would be unknown once it has stopped.
 */
export const recordUser = (places: Places, keyId: string, uid: number | null): void => {
  const recorded = recordedUsers(places, keyId);
  if (uid === null || !isDynamicUser(uid) || recorded.includes(uid)) return;
  mkdirSync(places.usersOfBoot, { recursive: true, mode: 0o700 });
  writeFileSync(usersPath(places, keyId), [...recorded, uid, ''].join('\n'), { mode: 0o600 });
};

const recordedUsers = (places: Places, keyId: string): readonly number[] =>
  textOf(usersPath(places, keyId)).split('\n').filter(Boolean).map(Number);

/**
 * The state directory behind systemd's link into /var/lib/private; null when the account has none
 * here.
 */
export const stateDirectory = (places: Places, keyId: string): string | null => {
  const path = join(places.accountState, keyId);
  const privatePath = join(places.root, 'var/lib/private/fleet-accounts', keyId);
  if (existsSync(privatePath)) return privatePath;
  return existsSync(path) && lstatSync(realpathSync(path)).isDirectory()
    ? realpathSync(path)
    : null;
};

/** A living process; zombies hold no connection and are none. */
interface LivingProcess {
  readonly pid: string;
  /** Real, effective, saved and file system user. */
  readonly users: readonly number[];
  /** Its cgroup in each tree, as /proc shows it. */
  readonly cgroups: string;
}

const livingProcesses = (root: string): readonly LivingProcess[] =>
  namesIn(join(root, 'proc'))
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const status = textOf(join(root, 'proc', pid, 'status'));
      const users = (/^Uid:\s+(.*)$/m.exec(status)?.[1] ?? '').split(/\s+/).map(Number);
      return /^State:\s+[ZX]/m.test(status)
        ? []
        : [{ pid, users, cgroups: textOf(join(root, 'proc', pid, 'cgroup')) }];
    });

/** Whether processes can be seen at all. */
export const hasProcesses = (root: string): boolean =>
  namesIn(join(root, 'proc')).some((name) => /^\d+$/.test(name));

const unitsIn = (cgroups: string): readonly RegExpMatchArray[] => [
  ...cgroups.matchAll(/fleet-(?:account@([0-9a-f]{32})|login@[0-9a-f]{16}|agent)\.service/g),
];

/**
 * Living processes in the account's unit, in whatever slice its cgroup lies, and those of any of
 * the users in no unit of fleet. systemd gives a dynamic
 * user's number to another unit once it is free, so the processes of other units of fleet do not
 * count.
 */
export const countLeft = (root: string, uids: readonly number[], keyId: string): number =>
  livingProcesses(root).filter(({ users, cgroups }) => {
    const units = unitsIn(cgroups);
    return units.length === 0
      ? users.some((uid) => uids.includes(uid))
      : units.some((unit) => unit[1] === keyId);
  }).length;

/**
 * Accounts that live here, whatever is left of fleet's own files and wherever their units' cgroups
 * are: processes in the cgroup of an account's unit, and
 * those of a user under which one ran in this boot. Key id -> how many.
 */
export const livingAccounts = (places: Places): ReadonlyMap<string, number> => {
  const owners = new Map(
    namesIn(places.usersOfBoot).flatMap((keyId) =>
      recordedUsers(places, keyId).map((uid) => [uid, keyId] as const),
    ),
  );
  const counts = new Map<string, number>();
  for (const { users, cgroups } of livingProcesses(places.root)) {
    const units = unitsIn(cgroups);
    const ofUser = users
      .map((uid) => (isDynamicUser(uid) ? owners.get(uid) : undefined))
      .find((keyId) => keyId !== undefined);
    const keyId =
      units.length > 0 ? units.map((unit) => unit[1]).find((unit) => unit !== undefined) : ofUser;
    if (keyId !== undefined) counts.set(keyId, (counts.get(keyId) ?? 0) + 1);
  }
  return counts;
};

const textOf = (path: string): string => {
  const file = readSmallFile(path, 64 * 1024);
  return file !== null && 'text' in file ? file.text : '';
};

/**
 * Processes that have the file open and are in no account's unit but this one's: `PID (COMMAND)`.
 */
export const holdersOf = (root: string, path: string, keyId: string): readonly string[] => {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file === undefined) return [];
  const holds = ({ pid }: LivingProcess): boolean =>
    namesIn(join(root, 'proc', pid, 'fd')).some((descriptor) => {
      const open = statSync(join(root, 'proc', pid, 'fd', descriptor), { throwIfNoEntry: false });
      return open?.ino === file.ino && open.dev === file.dev;
    });
  const isOther = ({ cgroups }: LivingProcess): boolean =>
    unitsIn(cgroups).some((unit) => unit[1] !== undefined && unit[1] !== keyId);
  return livingProcesses(root)
    .filter((process) => !isOther(process) && holds(process))
    .map(({ pid }) => `${pid} (${textOf(join(root, 'proc', pid, 'comm')).trim()})`);
};
