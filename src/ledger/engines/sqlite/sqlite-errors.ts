import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { FleetError } from '../../../model/errors.ts';
import { parseMark } from '../ledger-mark.ts';
import { movedLedger } from '../ledger-refusals.ts';
import { movedWords } from './sqlite-mark.ts';

/** The error codes of SQLite and of the file system, as what the operator can do about them. */
export function sqliteError(path: string, cause: unknown): unknown {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const fail = (kind: ConstructorParameters<typeof FleetError>[0], what: string, hint: string) =>
    new FleetError(kind, `ledger ${path}: ${what}`, { hint, cause });
  if (cause instanceof Error && cause.message.startsWith(movedWords))
    return movedLedger(path, parseMark(cause.message.slice(movedWords.length)).place);
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED'))
    return fail(
      'ledger-locked',
      'another process is writing to it',
      'wait for the other fleet command to end, then run this again',
    );
  if (
    /^(SQLITE_FULL|ENOSPC)/.test(code) ||
    (/^SQLITE_(IOERR|CANTOPEN)/.test(code) && hasNoRoom(path))
  )
    return fail(
      'ledger-readonly',
      'its disk is full, no space left',
      'free some space, then run this again',
    );
  if (/^(SQLITE_(READONLY|CANTOPEN|PERM)|EACCES|EROFS|ENOTDIR|EISDIR|EPERM)/.test(code))
    return fail(
      'ledger-readonly',
      'cannot be opened for writing',
      'check owner, mode and free space of the file and of its folder',
    );
  if (code.startsWith('SQLITE_IOERR'))
    return fail(
      'ledger-readonly',
      'cannot be read or written: its disk fails',
      'look at df and dmesg, then run this again',
    );
  if (code.startsWith('SQLITE_CORRUPT') || code.startsWith('SQLITE_NOTADB'))
    return fail(
      'ledger-corrupt',
      'is damaged or not a ledger',
      'keep the file, put a copy from a backup in its place, and run this again',
    );
  return cause;
}

/**
 * Less than a commit may need: SQLite tells a full disk from a broken one only where it writes, not
 * where it maps.
 */
function hasNoRoom(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize < 131_072;
  } catch {
    return false;
  }
}

/**
 * Whatever went wrong while a ledger was in use: an error of SQLite as what the operator can do
 * about it, everything else as it is.
 */
export const sqliteUseError = (path: string, cause: unknown): unknown =>
  cause instanceof Error && 'code' in cause && String(cause.code).startsWith('SQLITE_')
    ? sqliteError(path, cause)
    : cause;
