import { readdir, readlink, stat } from 'node:fs/promises';

/** A file by what does not change when it is renamed or linked. */
export interface FileIdentity {
  readonly device: number;
  readonly inode: number;
}

const numericNames = async (path: string): Promise<string[]> => {
  const names = await readdir(path).catch(() => []);
  return names.filter((name) => /^\d+$/.test(name));
};

const isOpenAs = async (link: string, file: FileIdentity): Promise<boolean> => {
  // Pipes, sockets and devices cannot be the file; asking only for paths also keeps `stat` off dead network mounts of no interest.
  const target = await readlink(link).catch(() => '');
  if (!target.startsWith('/') || target.startsWith('/dev/')) {
    return false;
  }
  const found = await stat(link).catch(() => undefined);
  return found !== undefined && found.ino === file.inode && found.dev === file.device;
};

const hasOpen = async (pid: string, file: FileIdentity): Promise<boolean> => {
  for (const descriptor of await numericNames(`/proc/${pid}/fd`)) {
    if (await isOpenAs(`/proc/${pid}/fd/${descriptor}`, file)) {
      return true;
    }
  }
  return false;
};

/**
 * Process ids, ascending, of the other processes on this machine that have the file open. Best effort: Linux only, and an unprivileged
 * caller sees only its own user's processes. Never throws.
 */
export const findFileOpeners = async (file: FileIdentity): Promise<readonly number[]> => {
  const others = (await numericNames('/proc')).filter((pid) => Number(pid) !== process.pid);
  const openers: number[] = [];
  for (const pid of others) {
    if (await hasOpen(pid, file)) {
      openers.push(Number(pid));
    }
  }
  return openers.sort((a, b) => a - b);
};
