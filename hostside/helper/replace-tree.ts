import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  openSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { errorCode, writeFully } from '../machine/durable-file.ts';
import type { StateEntry } from '../protocol/state-archive.ts';
import { inChild, inDirectoryOf, within } from './account-rights.ts';

/**
 * Removes all that lies in an account's directory but the names in `keep`, with the account's
 * rights: whatever a link in it points to stays. Any number
 * of files and levels. Throws Error when somebody still adds to it after a minute, and what the
 * file system throws.
 */
export const emptyTree = (path: string, keep: readonly string[] = []): void =>
  inDirectoryOf(path, (directory) => emptyDirectory(directory, keep));

/**
 * Replaces the state by `entries`, durably; `keep` stays. Killed half-way it leaves a torn state.
 */
export const replaceTree = (
  path: string,
  keep: readonly string[],
  entries: readonly StateEntry[],
): void =>
  inDirectoryOf(path, (directory) => {
    emptyDirectory(directory, keep);
    for (const entry of entries) writeEntry(directory, entry.path.split('/'), entry);
    const parents = new Set(entries.flatMap(({ path: file }) => parentsOf(file)));
    for (const parent of parents) inPath(directory, parent.split('/'), fsyncSync);
    fsyncSync(directory);
  });

/** `a/b/c` -> `a`, `a/b`. */
const parentsOf = (path: string): readonly string[] => {
  const names = path.split('/').slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join('/'));
};

const inPath = (
  directory: number,
  names: readonly string[],
  act: (child: number) => void,
): void => {
  const [name, ...more] = names;
  if (name === undefined) act(directory);
  else inChild(directory, name, (child) => inPath(child, more, act));
};

const writeEntry = (directory: number, names: readonly string[], entry: StateEntry): void => {
  const [name = '', ...more] = names;
  const at = within(directory, name);
  if (more.length > 0) {
    if (lstatSync(at, { throwIfNoEntry: false }) === undefined) mkdirSync(at, { mode: 0o700 });
    inChild(directory, name, (child) => writeEntry(child, more, entry));
  } else if (entry.kind === 'link') {
    symlinkSync(Buffer.from(entry.content).toString('utf8'), at);
  } else {
    writeNew(at, entry);
  }
};

const writeNew = (at: string, { content, mode }: StateEntry): void => {
  const descriptor = openSync(
    at,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    writeFully(descriptor, content);
    fchmodSync(descriptor, mode);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};

const emptyTimeoutMs = 60_000;
/** Names that are looked at together. */
const batch = 1_000;

/**
 * A directory in a directory is moved up and emptied later: no depth needs more than two
 * descriptors.
 */
const emptyDirectory = (top: number, keep: readonly string[]): void => {
  const endMs = performance.now() + emptyTimeoutMs;
  let moved = 0;
  const removeName = (name: RawName): void => {
    const at = rawWithin(top, name);
    if (lstatSync(at, { throwIfNoEntry: false })?.isDirectory() !== true) {
      unlinkIfThere(at);
      return;
    }
    const child = openForRemoval(at);
    try {
      for (let names = someNames(child); names.length > 0; names = someNames(child)) {
        refuseAfter(endMs);
        for (const inner of names) takeOut(rawWithin(child, inner));
      }
    } finally {
      closeSync(child);
    }
    rmdirSync(at);
  };
  const takeOut = (at: string | Buffer): void => {
    if (lstatSync(at, { throwIfNoEntry: false })?.isDirectory() !== true) {
      unlinkIfThere(at);
      return;
    }
    closeSync(openForRemoval(at));
    moved += 1;
    renameSync(at, within(top, `.removed-${process.pid}-${moved}`));
  };
  for (let names = someNames(top, keep); names.length > 0; names = someNames(top, keep)) {
    refuseAfter(endMs);
    for (const name of names) removeName(name);
  }
};

const refuseAfter = (endMs: number): void => {
  if (performance.now() > endMs)
    throw new Error(`the account's files could not be removed within ${emptyTimeoutMs / 1000} s`);
};

const unlinkIfThere = (at: string | Buffer): void => {
  try {
    unlinkSync(at);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
};

/** A name's bytes, one character each: it need not be UTF-8. */
type RawName = string;

const rawWithin = (directory: number, name: RawName): string | Buffer => {
  const bytes = Buffer.from(name, 'latin1');
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes)
    ? within(directory, text)
    : Buffer.concat([Buffer.from(within(directory, '')), bytes]);
};

const someNames = (directory: number, without: readonly string[] = []): readonly RawName[] => {
  const listing = opendirSync(`/proc/self/fd/${directory}`, { encoding: 'latin1' });
  const names: RawName[] = [];
  try {
    for (
      let entry = listing.readSync();
      entry !== null && names.length < batch;
      entry = listing.readSync()
    ) {
      if (!without.includes(entry.name)) names.push(entry.name);
    }
  } finally {
    listing.closeSync();
  }
  return names;
};

/** Linux' O_PATH: opens what one has no right to read. */
const pathOnly = 0o10000000;
const nameFlags = pathOnly | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Nothing can be taken out of a directory that its owner may not look into. */
const openForRemoval = (at: string | Buffer): number => {
  const name = openSync(at, nameFlags);
  try {
    chmodSync(`/proc/self/fd/${name}`, 0o700);
    return openSync(`/proc/self/fd/${name}`, constants.O_RDONLY | constants.O_DIRECTORY);
  } finally {
    closeSync(name);
  }
};
