import { readdirSync, readlinkSync, statSync } from 'node:fs';

/** A file by what does not change when it is renamed or linked. */
export interface FileIdentity {
  readonly device: number;
  readonly inode: number;
}

/**
 * What `read` gives, or `otherwise` where a process ended meanwhile or belongs to somebody else.
 */
const attempt = <T>(read: () => T, otherwise: T): T => {
  try {
    return read();
  } catch {
    return otherwise;
  }
};

const numericNames = (path: string): readonly string[] =>
  attempt(() => readdirSync(path), []).filter((name) => /^\d+$/.test(name));

const isOpenAs = (descriptor: string, file: FileIdentity): boolean => {
  // Pipes, sockets and devices cannot be the file, and are most of all descriptors.
  const target = attempt(() => readlinkSync(descriptor), '');
  if (!target.startsWith('/') || target.startsWith('/dev/')) {
    return false;
  }
  const found = attempt(() => statSync(descriptor), undefined);
  return found !== undefined && found.ino === file.inode && found.dev === file.device;
};

const hasOpen = (pid: string, file: FileIdentity): boolean => {
  const directory = `/proc/${pid}/fd`;
  return numericNames(directory).some((descriptor) => isOpenAs(`${directory}/${descriptor}`, file));
};

/**
 * Process ids, ascending, of the other processes on this machine that have the file open. Best
 * effort: Linux only, and an unprivileged
 * caller sees only its own user's processes. Synchronous, because thousands of tiny look-ups cost
 * several times more as promises. Never throws.
 */
export const findFileOpeners = (file: FileIdentity): readonly number[] =>
  numericNames('/proc')
    .filter((pid) => Number(pid) !== process.pid && hasOpen(pid, file))
    .map(Number)
    .sort((a, b) => a - b);
