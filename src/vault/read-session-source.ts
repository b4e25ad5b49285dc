import { constants } from 'node:fs';
import { type FileHandle, open, opendir, realpath, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { foreignNames, refuseForeign } from '../sessions/foreign-formats.ts';
import {
  refuse,
  type SessionOutcome,
  type SessionRefusal,
  type SessionWarning,
} from '../sessions/session-outcome.ts';
import { parseSessionRows } from '../sessions/session-rows.ts';
import { readSessionTables } from '../sessions/session-tables.ts';
import { parseSessionText } from '../sessions/session-text.ts';
import { beginsLikeSqlite, isWalMode, refuseSqliteImage } from '../sessions/sqlite/sqlite-image.ts';
import { findFileOpeners } from './file-openers.ts';

/**
 * Largest session file that is read, in bytes (128 MiB): it is checked in memory. Entity caches of
 * years stay below 100 MiB.
 */
export const maxSessionFileBytes = 128 * 1024 * 1024;

interface SourceFile {
  readonly bytes: Buffer;
  readonly mode: number;
}

const isRefusal = (value: object): value is SessionRefusal => 'ok' in value && value.ok === false;

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be read by you',
  EPERM: 'may not be read by you',
  ELOOP: 'is a chain of symbolic links without an end',
};

/** Code `UNREADABLE`, for what the system says of a path. */
export const unreadable = (where: string, error: unknown): SessionRefusal => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return refuse(
    'UNREADABLE',
    where,
    reasons[code] ?? `cannot be read (${code})`,
    'Check the path and the rights of the file.',
  );
};

const nonEmpty = async (path: string): Promise<boolean> =>
  ((await stat(path).catch(() => undefined))?.size ?? 0) > 0;

/** Whether the file begins as SQLite's do: what lies beside another file says nothing about it. */
const isDatabase = async (path: string): Promise<boolean> => {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { buffer } = await handle.read(Buffer.alloc(16), 0, 16, 0);
    return beginsLikeSqlite(buffer);
  } finally {
    await handle.close();
  }
};

/** A companion file with content means that the main file alone is not the whole session. */
const refuseCompanions = async (
  path: string,
  where: string,
): Promise<SessionRefusal | undefined> => {
  const hint =
    'Stop the program that uses the session (it merges the file when it closes), then ' +
    'import again. Never copy the main file alone.';
  if (await nonEmpty(`${path}-wal`)) {
    return refuse(
      'WAL_PRESENT',
      where,
      'has an unmerged write-ahead log beside it: in use, or its program crashed',
      hint,
    );
  }
  if ((await nonEmpty(`${path}-shm`)) && (await isDatabase(path))) {
    return refuse(
      'WAL_MISSING',
      where,
      'has the index of a write-ahead log beside it, but not the log: its newest changes ' +
        'are missing',
      hint,
    );
  }
  if (await nonEmpty(`${path}-journal`)) {
    return refuse(
      'JOURNAL_PRESENT',
      where,
      'has a hot journal beside it: in use, or its program crashed',
      hint,
    );
  }
  return undefined;
};

const refuseOpeners = async (
  handle: FileHandle,
  where: string,
): Promise<SessionRefusal | undefined> => {
  const { dev, ino } = await handle.stat();
  const pids = findFileOpeners({ device: dev, inode: ino });
  const named = pids.length === 1 ? `process ${pids[0]}` : `processes ${pids.join(', ')}`;
  const hint =
    'Stop it and make sure that it never starts again: two clients on one session make ' +
    'Telegram destroy it.';
  return pids.length === 0 ? undefined : refuse('IN_USE', where, `is open in ${named}`, hint);
};

/** More names than the folder of any one account needs to be recognised. */
const folderLimit = 1000;

const refuseFolder = async (path: string, where: string): Promise<SessionRefusal> => {
  const names = [basename(path)];
  for await (const { name } of await opendir(path)) {
    if (names.push(name) > folderLimit) break;
  }
  const other = foreignNames(names);
  if (other !== undefined) return refuseForeign(other, where);
  return names.length === 1
    ? refuse('UNREADABLE', where, 'is an empty folder', 'Name the folder that has the sessions.')
    : refuse(
        'UNREADABLE',
        where,
        'is a folder in which nothing is named like a session',
        'Name the session files in it one by one or by a pattern.',
      );
};

/**
 * Read first, judge afterwards: whoever opened or changed the file while it was read is seen by the
 * checks that follow.
 * O_NONBLOCK keeps a named pipe that was put in the file's place from holding the import for ever.
 */
const readHandle = async (
  handle: FileHandle,
  path: string,
  where: string,
): Promise<SourceFile | SessionRefusal> => {
  const before = await handle.stat();
  if (before.isDirectory()) {
    return await refuseFolder(path, where);
  }
  if (!before.isFile()) {
    return refuse(
      'UNREADABLE',
      where,
      'is not a regular file',
      'Name session files one by one or by a pattern.',
    );
  }
  if (before.size > maxSessionFileBytes) {
    const size =
      `${Math.ceil(before.size / 1024 / 1024)} MiB, more than ` +
      `${maxSessionFileBytes / 1024 / 1024}`;
    return refuse(
      'TOO_LARGE',
      where,
      `has ${size}`,
      'Export the session as a string with the tool that made it.',
    );
  }
  const bytes = Buffer.alloc(before.size);
  const { bytesRead } = await handle.read(bytes, 0, before.size, 0);
  const refusal = (await refuseOpeners(handle, where)) ?? (await refuseCompanions(path, where));
  const after = await handle.stat();
  const changed =
    bytesRead !== before.size || after.size !== before.size || after.mtimeMs !== before.mtimeMs;
  if (refusal !== undefined || changed) {
    bytes.fill(0);
    return (
      refusal ??
      refuse(
        'CHANGING',
        where,
        'changed while it was read',
        'Stop the program that writes it, then import again.',
      )
    );
  }
  return { bytes, mode: before.mode };
};

const readSource = async (path: string, where: string): Promise<SourceFile | SessionRefusal> => {
  let handle: FileHandle | undefined;
  try {
    // SQLite keeps journal and log beside the real file, not beside a link to it.
    const real = await realpath(path);
    handle = await open(real, constants.O_RDONLY | constants.O_NONBLOCK);
    return await readHandle(handle, real, where);
  } catch (error) {
    return unreadable(where, error);
  } finally {
    await handle?.close();
  }
};

/** A file that was closed cleanly and one that was copied without its log look the same. */
const walWarning: SessionWarning = {
  code: 'WAL_MODE',
  message:
    'possibly stale: a file in WAL mode without its -wal file. If it was copied while its ' +
    'program ran, its newest key may be missing',
};
const walHint =
  'The file is in WAL mode and has no -wal file beside it: if it was copied without that, ' +
  'close its program and copy it again.';
/** What a copy without its log looks like when the login itself is still in the log. */
const mayBeInLog: ReadonlySet<string> = new Set([
  'WRONG_TABLES',
  'UNKNOWN_VERSION',
  'NO_ROW',
  'NO_KEY',
  'NO_USER',
  'TRUNCATED',
  'CORRUPT',
]);

const parseSqlite = (bytes: Buffer, where: string): SessionOutcome => {
  const walMode = isWalMode(bytes);
  const refusal = refuseSqliteImage(bytes, where);
  const tables = refusal ?? readSessionTables(bytes, where);
  const outcome = isRefusal(tables) ? tables : parseSessionRows(tables, where);
  if (!walMode) return outcome;
  if (outcome.ok) return { ...outcome, warnings: [...outcome.warnings, walWarning] };
  return mayBeInLog.has(outcome.code)
    ? { ...outcome, hint: `${walHint} Otherwise: ${outcome.hint}` }
    : outcome;
};

/**
 * Content that says nothing of itself, as what is encrypted: then the name of the file is asked.
 */
const unrecognised: ReadonlySet<string> = new Set(['NOT_SQLITE', 'BAD_STRING']);

/**
 * Nothing but the bytes takes part, so whatever went wrong is about this file and must not hide the
 * others.
 */
export const parseSessionBytes = (bytes: Buffer, where: string): SessionOutcome => {
  try {
    return beginsLikeSqlite(bytes) ? parseSqlite(bytes, where) : parseSessionText(bytes, where);
  } catch {
    return refuse(
      'CORRUPT',
      where,
      'cannot be understood',
      'Take an intact copy, or export the session as a string.',
    );
  }
};

export const modeWarnings = (mode: number): readonly SessionWarning[] =>
  process.platform !== 'win32' && (mode & 0o077) !== 0
    ? [
        {
          code: 'FILE_MODE',
          message:
            'the file is open to other users of this machine (mode ' +
            `${(mode & 0o777).toString(8)}); make it 600`,
        },
      ]
    : [];

/**
 * Reads one session file (SQLite of Pyrogram or Telethon, or text with a string session) without
 * touching it: opened read-only, parsed
 * from memory, nothing is created beside it, its mtime stays. Safe to repeat. An unusable file is a
 * value, not a throw; `where` (default: the
 * path) starts its message. Codes: those of {@link SessionRefusal}. A session that another process
 * has open is refused (`IN_USE`, best effort).
 */
export const readSessionSource = async (path: string, where = path): Promise<SessionOutcome> => {
  const source = await readSource(path, where);
  if (isRefusal(source)) {
    return source;
  }
  const { bytes, mode } = source;
  const outcome = parseSessionBytes(bytes, where);
  bytes.fill(0);
  const other =
    outcome.ok || !unrecognised.has(outcome.code) ? undefined : foreignNames([basename(path)]);
  if (other !== undefined) {
    return refuseForeign(other, where);
  }
  return outcome.ok
    ? { ...outcome, warnings: [...outcome.warnings, ...modeWarnings(mode)] }
    : outcome;
};
