/** What the operating system refused, in plain words. */
import { getSystemErrorMap } from 'node:util';
import { FleetError } from '../model/errors.ts';

interface SystemError extends Error {
  readonly code: string;
  readonly syscall: string;
  readonly errno?: number;
  readonly path?: string;
  readonly dest?: string;
}

const isSystemError = (error: unknown): error is SystemError =>
  error instanceof Error &&
  'code' in error &&
  typeof error.code === 'string' &&
  /^E[A-Z0-9]+$/.test(error.code) &&
  'syscall' in error &&
  typeof error.syscall === 'string';

const hints: Readonly<Record<string, string>> = {
  EACCES: 'check the permissions of the file and of the folders above it, or choose another place',
  EPERM: 'check the permissions of the file and of the folders above it, or choose another place',
  ENOENT: 'check the path',
  ENOTDIR: 'check the path: a part of it is a file and not a folder',
  EISDIR: 'name a file; this is a folder',
  EEXIST: 'choose another name, or remove what is there',
  ENOSPC: 'free some space, then run this again',
  EDQUOT: 'free some space of your quota, then run this again',
  EROFS: 'choose a place on a file system that can be written',
  EMFILE:
    'too many files are open: raise the limit (ulimit -n), or lower "concurrency" in the inventory',
  ENFILE: 'too many files are open on this machine: close something',
  ELOOP: 'check the path: its symbolic links lead in a circle',
  ENAMETOOLONG: 'choose a shorter name',
};

const words = (code: string, errno: number | undefined): string =>
  (errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1]) ?? code;

/**
 * The same error with the file that it is about: a write to an open file names none, and `temp` is
 * only how `path` was to be made.
 */
export function atPath<E>(error: E, path: string, temp?: string): E {
  if (isSystemError(error) && (error.path === undefined || error.path === temp))
    Object.assign(error, { path, dest: undefined });
  return error;
}

/**
 * What the operating system answered, in plain words, and what to do about it where that follows
 * from the answer alone.
 */
export function systemWords(error: unknown): {
  readonly said: string;
  readonly hint: string | null;
} {
  if (!isSystemError(error)) return { said: 'unknown error', hint: null };
  return { said: words(error.code, error.errno), hint: hints[error.code] ?? null };
}

/**
 * An error of the file system, the network or a program of this machine as what the operator can do
 * about it; everything else is null,
 * and a fault of fleet.
 */
export function systemFailure(error: unknown): FleetError | null {
  if (!isSystemError(error)) return null;
  const { syscall, path, dest } = error;
  if (syscall === 'uv_cwd')
    return new FleetError('this-machine', 'the folder that you are in does not exist any more', {
      hint:
        'cd to another one, or name the inventory by its whole path: --inventory ' +
        '/PATH/inventory.yaml',
      cause: error,
    });
  const { said, hint } = systemWords(error);
  const where = [path, dest].filter((each) => each !== undefined && each !== '').join(' -> ');
  return new FleetError(
    'this-machine',
    `${where === '' ? syscall : `${where} (${syscall})`}: ${said}`,
    {
      hint:
        hint ??
        'this is what the operating system of this machine answered; correct that, then ' +
          'run this again',
      cause: error,
    },
  );
}
