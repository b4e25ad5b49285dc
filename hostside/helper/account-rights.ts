import { closeSync, constants, fchmodSync, fstatSync, openSync } from 'node:fs';

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const nobody = 65_534;

/**
 * Runs `act` with the rights of a user instead of root's: its user and group, no other group, no
 * capability. Not for asynchronous acts. A helper
 * that is not root keeps the rights that it has; what belongs to root itself, no account could have
 * written.
 */
export const withRightsOf = <T>({ uid, gid }: Owner, act: () => T): T => {
  const { geteuid, getegid, getgroups, seteuid, setegid, setgroups } = process;
  if (
    uid === 0 ||
    geteuid?.() !== 0 ||
    !getegid ||
    !getgroups ||
    !seteuid ||
    !setegid ||
    !setgroups
  )
    return act();
  const [ownGroup, ownGroups] = [getegid(), getgroups()];
  try {
    setgroups([]);
    setegid(gid === 0 ? nobody : gid);
    seteuid(uid);
    return act();
  } finally {
    seteuid(0);
    setegid(ownGroup);
    setgroups(ownGroups);
  }
};

/**
 * One name in an open directory, as `openat` takes it: the kernel looks up nothing but the name,
 * whatever has become of the path meanwhile.
 */
export const within = (directory: number, name: string): string =>
  `/proc/self/fd/${directory}/${name}`;

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Opens a directory that belongs to an account and runs `act` on it with that account's rights. All
 * directories above it have to be root's, so that
 * nobody else decides where `path` leads. Throws what the file system throws, `ENOENT` for one.
 */
export const inDirectoryOf = <T>(path: string, act: (directory: number, owner: Owner) => T): T => {
  const directory = openSync(path, directoryFlags);
  try {
    const { uid, gid, mode } = fstatSync(directory);
    // An account may have taken its own right to look away.
    if ((mode & 0o700) !== 0o700) fchmodSync(directory, (mode & 0o777) | 0o700);
    return withRightsOf({ uid, gid }, () => act(directory, { uid, gid }));
  } finally {
    closeSync(directory);
  }
};

/** A directory in an open one, never through a link. */
export const inChild = <T>(directory: number, name: string, act: (child: number) => T): T => {
  const child = openSync(within(directory, name), directoryFlags);
  try {
    return act(child);
  } finally {
    closeSync(child);
  }
};
