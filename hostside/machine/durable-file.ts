import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

export const fsyncDirectory = (path: string): void => {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};

/**
 * Replaces a file in one step that survives a power cut: temporary file, fsync, rename, fsync of
 * the directory. After a throw
 * (full disk, for example) the old file stands unchanged.
 */
export const writeDurably = (path: string, content: string | Uint8Array, mode: number): void => {
  const temporary = `${path}.new`;
  rmSync(temporary, { force: true });
  try {
    const descriptor = openSync(
      temporary,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL,
      mode,
    );
    try {
      writeFully(descriptor, typeof content === 'string' ? Buffer.from(content) : content);
      fchmodSync(descriptor, mode);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  fsyncDirectory(dirname(path));
};

/** One disk block. */
const blockBytes = 4096;

/**
 * Like {@link writeDurably}, for a text that must also be written when the disk is full: the blocks
 * of the version before stay beside it as
 * `PATH.spare`, are overwritten in place and change names with the file. Only a text that needs
 * more blocks than the one before needs room. It is
 * padded with blanks to whole blocks. For one writer at a time. Throws what the file system throws;
 * the old file then stands.
 */
export const writeReserved = (path: string, text: string, mode: number): void => {
  const least = Math.ceil(Buffer.byteLength(text) / blockBytes) * blockBytes;
  // As long as it was: a shorter file would give its blocks away.
  const block = Buffer.alloc(Math.max(least, blockBytes, sizeOf(path)), ' ');
  block.write(text);
  const [spare, old] = [`${path}.spare`, `${path}.old`];
  if (inodeOf(path) === null) writeDurably(path, block, mode);
  // Left by a writer that died between its steps: a name of the file itself, or the block that was
  // to become the spare one.
  if (inodeOf(old) !== inodeOf(path)) ifThere(() => renameSync(old, spare));
  rmSync(old, { force: true });
  if (!overwrite(spare, block)) writeDurably(spare, block, mode);
  ifThere(() => linkSync(path, old));
  renameSync(spare, path);
  ifThere(() => renameSync(old, spare));
  fsyncDirectory(dirname(path));
};

const sizeOf = (path: string): number =>
  Math.min(lstatSync(path, { throwIfNoEntry: false })?.size ?? 0, 4 * 1024 * 1024);

const inodeOf = (path: string): number | null =>
  lstatSync(path, { throwIfNoEntry: false })?.ino ?? null;

const ifThere = (act: () => void): void => {
  try {
    act();
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
};

/** In place, durable when this returns; false when there is no such file of that size. */
const overwrite = (path: string, block: Uint8Array): boolean => {
  if (lstatSync(path, { throwIfNoEntry: false })?.size !== block.length) return false;
  const descriptor = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW);
  try {
    writeFully(descriptor, block);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  return true;
};

/** Writes all bytes at `position` (default: the start); a short write is carried on. */
export const writeFully = (descriptor: number, bytes: Uint8Array, position = 0): void => {
  let written = 0;
  while (written < bytes.length)
    written += writeSync(descriptor, bytes, written, bytes.length - written, position + written);
};

export type SmallFile = { readonly text: string } | { readonly fault: string } | null;

/**
 * Reads a file that somebody untrusted may have put there: never blocks on a FIFO, never follows a
 * link, never reads more than
 * `maxBytes`. null: there is no such file.
 */
export const readSmallFile = (path: string, maxBytes: number): SmallFile => {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    return openFault(error);
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) return { fault: 'not a regular file' };
    if (stat.size > maxBytes) return { fault: `larger than ${maxBytes} bytes` };
    // Only what was read is looked at. The kernel's own files say that they are empty.
    let buffer = Buffer.allocUnsafe((stat.size === 0 ? maxBytes : stat.size) + 1);
    let length = 0;
    for (let got = 1; got > 0 && length <= maxBytes; length += got) {
      if (length === buffer.length) buffer = Buffer.concat([buffer], maxBytes + 1);
      got = readSync(descriptor, buffer, length, buffer.length - length, null);
    }
    return length > maxBytes
      ? { fault: `larger than ${maxBytes} bytes` }
      : { text: buffer.toString('utf8', 0, length) };
  } catch (error) {
    return { fault: `unreadable (${errorCode(error)})` };
  } finally {
    closeSync(descriptor);
  }
};

const openFault = (error: unknown): SmallFile => {
  const code = errorCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return null;
  if (code === 'ELOOP') return { fault: 'a symbolic link' };
  return { fault: `unreadable (${code})` };
};

/** `ENOENT` and the like; the class of anything else. Carries no path and no content. */
export const errorCode = (error: unknown): string => {
  if (error instanceof Error)
    return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return 'unknown';
};

/** Names in a directory; none when it is not there. */
export const namesIn = (directory: string): readonly string[] => {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
};
