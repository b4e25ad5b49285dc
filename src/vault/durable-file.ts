import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readBounded } from '../surroundings/read-bounded.ts';

/** Makes entries of a directory survive a power cut: POSIX promises that only after an fsync of the directory itself. */
export const syncDirectory = async (path: string): Promise<void> => {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/**
 * Creates a file (mode 0600) that did not exist and returns when content and name are on disk; on a failure nothing is left behind.
 * Throws the system's error; `EEXIST` where the name is taken, which then stays untouched.
 */
export const createDurableFile = async (path: string, content: Uint8Array | string): Promise<void> => {
  const handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  await syncDirectory(dirname(path));
};

/**
 * A regular file's content. Throws the system's error; `ELOOP` for a symbolic link, `EFTYPE` for a device, a pipe or a folder, `EFBIG` above `maxBytes`.
 */
export const readRegularFile = (path: string, maxBytes: number): Promise<Buffer> => readBounded(path, maxBytes, constants.O_NOFOLLOW);

/** Puts `content` in the place of `path` (mode 0600), durably: the old content or the new one is there at every moment. `temp` lies beside it. */
export const replaceDurably = async (path: string, temp: string, content: Uint8Array | string): Promise<void> => {
  try {
    await createDurableFile(temp, content);
    await rename(temp, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(temp, { force: true });
    throw error;
  }
};

/** The system's code of an error (`ENOENT` ...), otherwise undefined. */
export const systemCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
