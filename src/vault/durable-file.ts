import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { readBounded } from '../surroundings/read-bounded.ts';
import { atPath } from '../surroundings/system-error.ts';

/**
 * Makes entries of a directory survive a power cut: POSIX promises that only after an fsync of the
 * directory itself.
 */
export const syncDirectory = async (path: string): Promise<void> => {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/**
 * Creates a file (mode 0600) that did not exist and returns when content and name are on disk; on a
 * failure nothing is left behind.
 * Throws the system's error; `EEXIST` where the name is taken, which then stays untouched.
 */
export const createDurableFile = async (
  path: string,
  content: Uint8Array | string,
): Promise<void> => {
  const handle = await open(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    await handle.writeFile(content);
    await handle.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw atPath(error, path);
  } finally {
    await handle.close();
  }
  await syncDirectory(dirname(path));
};

/**
 * A name for what becomes `path`, beside it. What a killed run leaves is found by {@link
 * sweepTemporary}.
 */
export const temporaryFor = (path: string): string =>
  join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(8).toString('hex')}.tmp`);

const temporaryPattern = /^\.(.+)\.(\d+)\.[0-9a-f]{16}\.tmp$/;

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
};

/**
 * Removes what killed runs left of files that were to be written in the folder; `of`: of this file
 * only. Nothing where there is no such folder.
 */
export const sweepTemporary = async (folder: string, of: string | null = null): Promise<void> => {
  const names = await readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
  for (const each of names) {
    const [, file, pid] = temporaryPattern.exec(each) ?? [];
    if (pid !== undefined && (of === null || file === of) && !isAlive(Number(pid)))
      await rm(join(folder, each), { force: true });
  }
};

/**
 * Creates a file (mode 0600) that did not exist and is never seen half written, also by whoever
 * comes after a kill. Throws the system's error; `EEXIST` where the
 * name is taken, which then stays untouched.
 */
export const createWhole = async (path: string, content: Uint8Array | string): Promise<void> => {
  const temp = temporaryFor(path);
  try {
    await createDurableFile(temp, content);
    await link(temp, path);
  } catch (error) {
    // A file system without links: the name is taken at once, and what a kill leaves there is
    // refused by whoever reads it.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(systemCode(error) ?? ''))
      throw atPath(error, path, temp);
    await createDurableFile(path, content);
  } finally {
    await rm(temp, { force: true });
  }
  await syncDirectory(dirname(path));
};

/**
 * A regular file's content. Throws the system's error; `ELOOP` for a symbolic link, `EFTYPE` for a
 * device, a pipe or a folder, `EFBIG` above `maxBytes`.
 */
export const readRegularFile = (path: string, maxBytes: number): Promise<Buffer> =>
  readBounded(path, maxBytes, constants.O_NOFOLLOW);

/**
 * Puts `content` in the place of `path` (mode 0600), durably: the old content or the new one is
 * there at every moment. `temp` lies beside it.
 */
export const replaceDurably = async (
  path: string,
  temp: string,
  content: Uint8Array | string,
): Promise<void> => {
  try {
    await createDurableFile(temp, content);
    await rename(temp, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(temp, { force: true });
    throw atPath(error, path, temp);
  }
};

/** The system's code of an error (`ENOENT` ...), otherwise undefined. */
export const systemCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
