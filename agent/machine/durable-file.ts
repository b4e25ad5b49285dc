import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
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
 * Replaces a file in one step that survives a power cut: temporary file, fsync, rename, fsync of the directory. After a throw
 * (full disk, for example) the old file stands unchanged.
 */
export const writeDurably = (path: string, content: string | Uint8Array, mode: number): void => {
  const temporary = `${path}.new`;
  rmSync(temporary, { force: true });
  try {
    const descriptor = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
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

/** Writes all bytes at `position` (default: the start); a short write is carried on. */
export const writeFully = (descriptor: number, bytes: Uint8Array, position = 0): void => {
  let written = 0;
  while (written < bytes.length) written += writeSync(descriptor, bytes, written, bytes.length - written, position + written);
};

export type SmallFile = { readonly text: string } | { readonly fault: string } | null;

/**
 * Reads a file that somebody untrusted may have put there: never blocks on a FIFO, never follows a link, never reads more than
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
    const buffer = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (let got = 1; got > 0 && length < buffer.length; length += got)
      got = readSync(descriptor, buffer, length, buffer.length - length, null);
    return length > maxBytes ? { fault: `larger than ${maxBytes} bytes` } : { text: buffer.toString('utf8', 0, length) };
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
  if (error instanceof Error) return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
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
