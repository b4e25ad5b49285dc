import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, fchmodSync, fstatSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

export interface HeldLock {
  readonly release: () => Promise<void>;
}

/** A file lock: `shared` admits other shared holders. */
export interface LockWish {
  readonly path: string;
  readonly shared: boolean;
}

const conflict = 9;
/** Characters of what `flock` says of a failure. */
const mostSaid = 300;

/**
 * Takes the locks in order and waits for each at most `waitMs`; null: somebody else holds one. Node
 * cannot lock files, so a child
 * (`flock`) does, and lives only as long as its standard input: when this process dies in any way,
 * the locks are free.
 */
export const takeLocks = async (
  wishes: readonly LockWish[],
  waitMs: number,
): Promise<HeldLock | null> => {
  for (const { path } of wishes) touch(path, 0o600);
  const wait = String(Math.max(0, waitMs) / 1000);
  const argv = wishes.flatMap(({ path, shared }) => [
    'flock',
    shared ? '--shared' : '--exclusive',
    '--conflict-exit-code',
    String(conflict),
    '--timeout',
    wait,
    path,
  ]);
  const [command = 'flock', ...rest] = [...argv, 'sh', '-c', 'echo locked; exec cat >/dev/null'];
  const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'pipe'] });
  // A child that is gone already must not end the helper with EPIPE.
  child.stdin.on('error', () => undefined);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said = `${said}${chunk}`.slice(0, mostSaid);
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('close', (code) => resolve(code));
    child.once('error', reject);
  });
  const first = await Promise.race([
    once(child.stdout, 'data').then(() => 'locked' as const),
    ended,
  ]);
  if (first === conflict) return null;
  if (first !== 'locked')
    throw new Error(`flock ended with status ${String(first)}${said && `: ${said.trim()}`}`);
  const release = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  return { release };
};

/**
 * Makes sure that an empty file exists with exactly this mode, whatever mask the helper was started
 * with.
 */
export const touch = (path: string, mode: number): void => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
  const descriptor = openSync(
    path,
    constants.O_RDONLY | constants.O_CREAT | constants.O_NOFOLLOW,
    mode,
  );
  try {
    if ((fstatSync(descriptor).mode & 0o777) !== mode) fchmodSync(descriptor, mode);
  } finally {
    closeSync(descriptor);
  }
};
