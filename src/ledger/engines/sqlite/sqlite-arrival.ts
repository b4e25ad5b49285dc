import { closeSync, existsSync, fsyncSync, openSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import type { migrations } from '../../migrations/all.ts';
import type { Arrival, ArrivalPlace } from '../arrival.ts';
import { replaceLedger } from './copy-ledger.ts';
import { openSqlite } from './open-sqlite.ts';
import { sqliteError } from './sqlite-errors.ts';
import { endSqliteArrival, sqliteStanding, writeMark } from './sqlite-mark.ts';

/** The file at `path` as a place for a ledger. */
export function sqlitePlace(path: string, steps: typeof migrations): ArrivalPlace {
  const withFile = <T>(act: (database: Database.Database) => T): T => {
    const database = new Database(path, { timeout: 5000, fileMustExist: true });
    try {
      database.pragma('synchronous = FULL');
      return act(database);
    } finally {
      database.close();
    }
  };
  const told = async <T>(act: () => T | Promise<T>): Promise<T> => {
    try {
      return await act();
    } catch (error) {
      throw notALedger(error) ? sqliteError(path, asDamage(error)) : sqliteError(path, error);
    }
  };
  const standing = () =>
    told(() =>
      isAbsent(path)
        ? ({ kind: 'empty', hasTables: false } as const)
        : withFile((database) => sqliteStanding(database)),
    );
  return {
    standing,
    arrive: (arrival) =>
      told(async () => {
        await fillDraft(`${path}.arriving`, steps, arrival);
        arrival.accept(await standing());
        await replaceLedger(path, `${path}.arriving`, arrival.aside);
        if (arrival.dropsOld) removeLedger(arrival.aside);
        sync(dirname(path));
      }),
    end: (mark) => told(() => withFile((database) => endSqliteArrival(database, mark))),
  };
}

const isAbsent = (path: string): boolean => !existsSync(path) || statSync(path).size === 0;

/** It is a database, of something else. */
const notALedger = (error: unknown): boolean =>
  error instanceof Error && /^no such (table|column)/.test(error.message);

const asDamage = (cause: unknown): Error =>
  Object.assign(new Error('no ledger', { cause }), { code: 'SQLITE_NOTADB' });

function removeLedger(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true });
}

/** A whole ledger in one file that is on the disk, with its mark; or none. */
async function fillDraft(
  path: string,
  steps: typeof migrations,
  { mark, fill }: Pick<Arrival, 'mark' | 'fill'>,
): Promise<void> {
  // What a killed run left.
  removeLedger(path);
  try {
    const { db } = await openSqlite(path, steps);
    try {
      await db.transaction().execute(async (to) => {
        await fill(to);
        await writeMark(to, { moved_to: null, arriving_from: mark });
      });
    } finally {
      await db.destroy();
    }
    const database = new Database(path);
    database.pragma('synchronous = FULL');
    database.pragma('journal_mode = DELETE');
    database.close();
    sync(path);
  } catch (error) {
    removeLedger(path);
    throw error;
  }
}

/** A name, or a file, survives a power cut when this has returned. */
function sync(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
