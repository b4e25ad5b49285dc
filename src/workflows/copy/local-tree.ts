/** The files and folders of this machine that are to be sent. */
import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { lstat, open, readdir, realpath } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { systemWords } from '../../surroundings/system-error.ts';
import { nameBytes, named } from './copy-words.ts';

/** Entries of one copy, and folders within each other, at most. */
export const mostEntries = 50_000;
export const mostDepth = 64;

/** A folder comes before what is in it. */
export interface LocalEntry {
  readonly kind: 'folder' | 'file';
  /** Below the folder on the host into which all goes; names parted by slashes. */
  readonly below: string;
  readonly local: string;
  /** Bytes; of folders 0. */
  readonly size: number;
  /** Of files, without setuid, setgid and sticky; of folders what they are made with. */
  readonly mode: number;
  /** Of files, hexadecimal. */
  readonly sha256: string;
}

export interface LocalTree {
  readonly entries: readonly LocalEntry[];
  /** Symbolic links in folders: they are not copied. */
  readonly links: readonly string[];
  readonly mistakes: readonly string[];
}

interface Gathering {
  readonly entries: LocalEntry[];
  readonly links: string[];
  readonly mistakes: string[];
  readonly signal: AbortSignal;
}

const folderMode = 0o755;
/** No link, and no wait for whoever writes into a pipe. */
export const readFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** The SHA-256 of a file that is no link, in pieces of 256 KiB; `size` bytes were read. */
export async function hashFile(
  path: string,
  signal?: AbortSignal,
): Promise<{ readonly sha256: string; readonly size: number }> {
  const file = await open(path, readFlags);
  try {
    const hash = createHash('sha256');
    const piece = Buffer.alloc(256 * 1024);
    let size = 0;
    for (;;) {
      if (signal?.aborted === true) break;
      const { bytesRead } = await file.read(piece, 0, piece.length, null);
      if (bytesRead === 0) break;
      hash.update(piece.subarray(0, bytesRead));
      size += bytesRead;
    }
    return { sha256: hash.digest('hex'), size };
  } finally {
    await file.close();
  }
}

const kindWords = (stats: Stats): string =>
  stats.isFIFO()
    ? 'a pipe'
    : stats.isSocket()
      ? 'a socket'
      : stats.isBlockDevice() || stats.isCharacterDevice()
        ? 'a device'
        : 'a special file';

/** Null: the name is no UTF-8 text. */
function textOf(name: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(name);
  } catch {
    return null;
  }
}

async function take(
  { local, below, depth, stats }: { local: string; below: string; depth: number; stats: Stats },
  into: Gathering,
): Promise<void> {
  if (into.signal.aborted || into.entries.length > mostEntries) return;
  if (stats.isFile()) {
    const { sha256, size } = await hashFile(local, into.signal);
    into.entries.push({ kind: 'file', below, local, size, mode: stats.mode & 0o777, sha256 });
    return;
  }
  if (!stats.isDirectory())
    return void into.mistakes.push(
      `${named(local)} is ${kindWords(stats)}; only files and folders are copied`,
    );
  if (depth > mostDepth)
    return void into.mistakes.push(`${named(local)}: more than ${mostDepth} folders deep`);
  into.entries.push({ kind: 'folder', below, local, size: 0, mode: folderMode, sha256: '' });
  const names = await readdir(local, { encoding: 'buffer' });
  for (const raw of names.toSorted(Buffer.compare)) {
    const name = textOf(raw);
    const path = join(local, raw.toString('utf8'));
    if (name === null) into.mistakes.push(`${named(path)}: the name is no UTF-8 text`);
    else await takeBelow({ local: path, below: `${below}/${name}`, depth: depth + 1 }, into);
  }
}

/** Links in a folder are named, and not followed. */
async function takeBelow(
  at: { local: string; below: string; depth: number },
  into: Gathering,
): Promise<void> {
  try {
    const stats = await lstat(at.local);
    if (stats.isSymbolicLink()) into.links.push(at.local);
    else await take({ ...at, stats }, into);
  } catch (error) {
    into.mistakes.push(`${named(at.local)}: ${systemWords(error).said}`);
  }
}

/**
 * Reads and hashes `sources`, each below its own name, or the only one as `name`. What is named is
 * followed where it is a link; links in folders are left out.
 */
export async function readLocalTree(
  sources: readonly string[],
  name: string | null,
  signal: AbortSignal,
): Promise<LocalTree> {
  const into: Gathering = { entries: [], links: [], mistakes: [], signal };
  const taken = new Map<string, string>();
  for (const source of sources) {
    const below = name ?? basename(resolve(source));
    const other = taken.get(below);
    if (other !== undefined)
      into.mistakes.push(
        `${named(source)} and ${named(other)} would both become "${named(below)}"`,
      );
    taken.set(below, source);
    if (below === '' || Buffer.byteLength(below) > nameBytes) {
      into.mistakes.push(`${named(source)}: name a file or a folder below /`);
      continue;
    }
    try {
      const local = await realpath(source);
      await take({ local, below, depth: 1, stats: await lstat(local) }, into);
    } catch (error) {
      into.mistakes.push(`${named(source) || '""'}: ${systemWords(error).said}`);
    }
  }
  if (into.entries.length > mostEntries)
    into.mistakes.push(`there are more than ${mostEntries} files and folders: copy an archive`);
  return into;
}
