import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  readlinkSync,
  readSync,
  type Stats,
} from 'node:fs';
import { errorCode } from '../machine/durable-file.ts';
import {
  entriesLimit,
  hashEntries,
  type StateEntry,
  stateLimitBytes,
} from '../protocol/state-archive.ts';
import { inChild, inDirectoryOf, within } from './account-rights.ts';

/** What of a state is carried, and whether that is all of it. */
export interface StateTree {
  /** In the byte order of their paths. */
  readonly entries: readonly StateEntry[];
  readonly isWhole: boolean;
}

export interface StateSize {
  readonly bytes: number;
  readonly files: number;
}

/** Directories within each other. */
const depthLimit = 64;
/** Characters of one path: more is refused in an archive. */
const pathLimit = 4096;
/** Bytes that all paths may add to the contents: a request holds both. */
const pathBytes = 1024 ** 2;

/**
 * Every regular file and symbolic link below an account's directory, read with the account's
 * rights. A state is whatever a worker, also a hostile
 * one, has left or is changing at this moment, so nothing is followed, waited for or read beyond
 * the limits, and nothing in it makes this fail:
 * what cannot be carried is left out. That is a FIFO, a socket, a device, a file of several names,
 * one that the account itself cannot read, a name
 * that is not UTF-8, more than {@link depthLimit} levels, and what comes after `limitBytes`
 * (default: what a move carries) or 20,000 names.
 */
export const readTree = (
  path: string | null,
  without: readonly string[],
  limitBytes = stateLimitBytes,
): StateTree => {
  const entries: StateEntry[] = [];
  let leftBytes = limitBytes;
  let leftWithPaths = limitBytes + pathBytes;
  const isWhole = visitFiles(path, without, (found) => {
    const cost = Buffer.byteLength(JSON.stringify(found.path));
    const entry =
      found.path.length > pathLimit
        ? null
        : readEntry(found, Math.min(leftBytes, leftWithPaths - cost));
    if (entry === null) return false;
    leftBytes -= entry.content.length;
    leftWithPaths -= entry.content.length + cost;
    entries.push(entry);
    return true;
  });
  entries.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  return { entries, isWhole };
};

/**
 * SHA-256 (hex) of what is carried: the same on every host and on the operator's side. null: no
 * directory, which is an empty state.
 */
export const hashTree = (path: string | null, without: readonly string[]): string =>
  hashEntries(readTree(path, without).entries);

/** Sizes as the file system tells them, also of what is too large to be carried; holes count. */
export const weighTree = (path: string | null, without: readonly string[]): StateSize => {
  let [bytes, files] = [0, 0];
  visitFiles(path, without, ({ stat }) => {
    bytes = Math.min(Number.MAX_SAFE_INTEGER, bytes + stat.size);
    files += 1;
    return true;
  });
  return { bytes, files };
};

interface Found {
  readonly directory: number;
  readonly name: string;
  /** From the top of the state. */
  readonly path: string;
  readonly stat: Stats;
}

/** Whether `visit` was called for every file and link, and took it. */
const visitFiles = (
  path: string | null,
  without: readonly string[],
  visit: (found: Found) => boolean,
): boolean => {
  if (path === null) return true;
  let leftNames = entriesLimit;
  let isWhole = true;
  const look = (directory: number, prefix: string, depth: number): void => {
    const names = namesIn(directory, leftNames);
    if (names === null || depth > depthLimit) isWhole = false;
    if (names === null || depth > depthLimit) return;
    leftNames -= names.length;
    for (const name of names.filter((entry) => prefix !== '' || !without.includes(entry))) {
      const stat = tryTo(() => lstatSync(within(directory, name)));
      const isTaken =
        stat !== null && takeOne({ directory, name, path: `${prefix}${name}`, stat }, depth);
      isWhole &&= isTaken;
    }
  };
  const takeOne = (found: Found, depth: number): boolean => {
    if (!found.stat.isDirectory()) return visit(found);
    return (
      tryTo(() =>
        inChild(found.directory, found.name, (child) => look(child, `${found.path}/`, depth + 1)),
      ) !== null
    );
  };
  inDirectoryOf(path, (directory) => look(directory, '', 0));
  return isWhole;
};

/**
 * Sorted, so that the same directory is always read alike; null: more than `most`, or unreadable.
 */
const namesIn = (directory: number, most: number): readonly string[] | null =>
  tryTo(() => {
    const listing = opendirSync(`/proc/self/fd/${directory}`);
    const names: string[] = [];
    try {
      for (let entry = listing.readSync(); entry !== null; entry = listing.readSync()) {
        if (names.push(entry.name) > most) return null;
      }
    } finally {
      listing.closeSync();
    }
    return names.sort();
  });

const readEntry = (
  { directory, name, path, stat }: Found,
  mostBytes: number,
): StateEntry | null => {
  const at = within(directory, name);
  // A name that is not UTF-8 leads to nothing; one that does not end up in an archive would not
  // come back either.
  if (mostBytes < 0) return null;
  if (stat.isSymbolicLink())
    return tryTo(
      (): StateEntry => ({ path, kind: 'link', mode: 0, content: Buffer.from(readlinkSync(at)) }),
    );
  return stat.isFile() ? tryTo(() => readFile(at, path, mostBytes)) : null;
};

const fileFlags =
  constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

const readFile = (at: string, path: string, mostBytes: number): StateEntry | null => {
  const descriptor = openSync(at, fileFlags);
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile() || stat.nlink !== 1 || stat.size > mostBytes) return null;
    // One more than is there, so that a file that grows is noticed.
    const content = Buffer.alloc(stat.size + 1);
    let length = 0;
    for (let got = 1; got > 0 && length < content.length; length += got) {
      got = readSync(descriptor, content, length, content.length - length, null);
    }
    return length > stat.size
      ? null
      : { path, kind: 'file', mode: stat.mode & 0o777, content: content.subarray(0, length) };
  } finally {
    closeSync(descriptor);
  }
};

/**
 * What the account's own rights or its racing worker make impossible; a disk that fails is
 * something else.
 */
const refusals = [
  'ENOENT',
  'ENOTDIR',
  'ELOOP',
  'EACCES',
  'EPERM',
  'ENXIO',
  'ENODEV',
  'EINVAL',
  'EAGAIN',
  'ETXTBSY',
  'ENAMETOOLONG',
  'EOPNOTSUPP',
];

const tryTo = <T>(act: () => T): T | null => {
  try {
    return act();
  } catch (error) {
    if (refusals.includes(errorCode(error))) return null;
    throw error;
  }
};
