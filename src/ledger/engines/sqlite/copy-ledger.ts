import { existsSync } from 'node:fs';
import { link, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { type QueryExecutorProvider, sql } from 'kysely';
import { FleetError } from '../../../model/errors.ts';
import { sqliteError } from './sqlite-errors.ts';

/** A file that travels in a copy of the ledger; `path` relative, with `/`. */
export interface CarriedFile {
  readonly path: string;
  readonly content: Uint8Array;
}

/**
 * A consistent copy of the ledger as a new file in a scratch folder, while others may go on
 * writing. Errors: `ledger-*`, `this-machine`.
 */
export async function copySqlite(
  db: QueryExecutorProvider,
  path: string,
  to: string,
): Promise<void> {
  try {
    await sql`VACUUM INTO ${to}`.execute(db);
  } catch (error) {
    throw roomError(to, error) ?? sqliteError(path, error);
  }
}

/** The disk that the copy goes to is full, and not that of the ledger. Null: something else. */
function roomError(to: string, error: unknown): FleetError | null {
  const isFull = error instanceof Error && 'code' in error && String(error.code) === 'SQLITE_FULL';
  if (!isFull) return null;
  const where = dirname(dirname(to));
  return new FleetError(
    'this-machine',
    `${where}: no space left for a copy of the ledger, the disk is full`,
    {
      hint: 'free some space there, or name another folder',
      cause: error,
    },
  );
}

/** Puts files into the copy at `path`, one at a time. */
export async function carryFiles(path: string, files: AsyncIterable<CarriedFile>): Promise<void> {
  const database = new Database(path);
  try {
    database.exec('CREATE TABLE carried_files (path TEXT PRIMARY KEY, content BLOB NOT NULL)');
    const insert = database.prepare('INSERT INTO carried_files VALUES (?, ?)');
    for await (const { path: name, content } of files) insert.run(name, Buffer.from(content));
  } catch (error) {
    throw roomError(path, error) ?? error;
  } finally {
    database.close();
  }
}

/**
 * The files that the copy at `path` carries, after a check of the whole copy. Errors:
 * `ledger-corrupt` when it is damaged or no copy of a ledger.
 */
export function carriedFiles(path: string): CarriedFile[] {
  try {
    const database = new Database(path, { readonly: true, fileMustExist: true });
    try {
      const state = database.pragma('integrity_check', { simple: true });
      if (state !== 'ok') throw Object.assign(new Error(String(state)), { code: 'SQLITE_CORRUPT' });
      return database
        .prepare<[], CarriedFile>('SELECT path, content FROM carried_files ORDER BY path')
        .all();
    } finally {
      database.close();
    }
  } catch (error) {
    throw sqliteError(path, error);
  }
}

/** Makes a ledger of the copy at `path`: what it carried is gone, and it is one file. */
export function unloadCopy(path: string): void {
  const database = new Database(path);
  try {
    database.exec('DROP TABLE IF EXISTS carried_files');
    database.exec('VACUUM');
    database.pragma('wal_checkpoint(TRUNCATE)');
    database.pragma('journal_mode = DELETE');
  } finally {
    database.close();
  }
}

/**
 * Puts the ledger at `from` in the place of the one at `path`, which stays as `aside`. There is a
 * whole ledger at `path` at every moment. Errors:
 * `ledger-locked` when somebody has the old one open.
 */
export async function replaceLedger(path: string, from: string, aside: string): Promise<void> {
  if (existsSync(path)) await setAside(path, aside);
  await rename(from, path);
}

async function setAside(path: string, aside: string): Promise<void> {
  try {
    const database = new Database(path, { timeout: 1000 });
    try {
      // Into one file: a write-ahead log that stays behind would be read as part of the new ledger.
      database.pragma('journal_mode = DELETE');
    } finally {
      database.close();
    }
    await link(path, aside);
  } catch (error) {
    const known = sqliteError(path, error);
    if (!(known instanceof Error && 'code' in known && known.code === 'ledger-corrupt'))
      throw known;
    for (const suffix of ['', '-wal', '-shm'])
      if (existsSync(path + suffix)) await rename(path + suffix, aside + suffix);
  }
  for (const suffix of ['-wal', '-shm']) await rm(path + suffix, { force: true });
}
