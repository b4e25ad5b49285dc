import { chmodSync, existsSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { CompiledQuery, Kysely, SqliteDialect, sql } from 'kysely';
import { FleetError } from '../../../model/errors.ts';
import { octal } from '../../../model/file-trust.ts';
import { makeFolder } from '../../../surroundings/make-folder.ts';
import { chainHash } from '../../history-chain.ts';
import type { migrations } from '../../migrations/all.ts';
import type { LedgerSchema } from '../../schema.ts';
import type { Engine } from '../engine.ts';
import { markedLedger, newerLedger } from '../ledger-refusals.ts';
import { chainFunction } from './chain.ts';
import { copySqlite } from './copy-ledger.ts';
import { sqliteError, sqliteUseError } from './sqlite-errors.ts';
import { readMarks, writeMark } from './sqlite-mark.ts';

/**
 * Opens the file at `path`, creating it (mode 0600) and its folder when absent, and brings it to
 * the newest version; before that a copy `PATH.before-vN` is kept. Every commit is on disk when it
 * returns: WAL with `synchronous=FULL`. Errors: those of SQLite, see {@link sqliteError};
 * `ledger-moved`, `ledger-newer`.
 */
export async function openSqlite(path: string, steps: typeof migrations): Promise<Engine> {
  const isNew = !existsSync(path);
  if (!isNew) refuseOpenLedger(path);
  makeFolder(dirname(path));
  const database = new Database(path, { timeout: 5000 });
  if (isNew) chmodSync(path, 0o600);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.pragma('foreign_keys = ON');
  database.function(chainFunction, { deterministic: true }, chainHash);
  const db = new Kysely<LedgerSchema>({ dialect: dialectOf(database) });
  try {
    await migrate(database, db, path, steps);
    return engineOn(db, path);
  } catch (error) {
    await db.destroy();
    // What no query has come to yet, it leaves open.
    database.close();
    throw error;
  }
}

const engineOn = (db: Kysely<LedgerSchema>, path: string): Engine => ({
  db,
  place: path,
  useError: (cause) => sqliteUseError(path, cause),
  isSound: async () => {
    const { rows } = await sql<{ quick_check: string }>`PRAGMA quick_check(1)`.execute(db);
    return rows[0]?.quick_check === 'ok';
  },
  freeBytes: () => {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize;
  },
  snapshot: (act) => db.transaction().setAccessMode('read only').execute(act),
  copyTo: (to) => copySqlite(db, path, to),
  clockAheadMs: async () => 0,
  markMoved: (within, mark) => writeMark(within, { moved_to: mark, arriving_from: null }),
});

/**
 * A transaction takes its turn to write when it begins: one that read first, and found another
 * program's write in between, would be refused at once however long it may wait (SQLITE_BUSY).
 *
 * SQLite itself ends a transaction that finds the disk full, and refuses to end it once more: that
 * would hide what went wrong.
 */
function dialectOf(database: Database.Database): SqliteDialect {
  const dialect = new SqliteDialect({ database });
  const createDriver = dialect.createDriver.bind(dialect);
  dialect.createDriver = () => {
    const driver = createDriver();
    driver.beginTransaction = async (connection, { accessMode }) => {
      const begin = accessMode === 'read only' ? 'begin' : 'begin immediate';
      await connection.executeQuery(CompiledQuery.raw(begin));
    };
    const rollback = driver.rollbackTransaction.bind(driver);
    driver.rollbackTransaction = async (connection) => {
      if (database.inTransaction) await rollback(connection);
    };
    return driver;
  };
  return dialect;
}

/** A ledger that everybody may write says nothing that could be believed. */
function refuseOpenLedger(path: string): void {
  const { mode } = statSync(path);
  if ((mode & 0o002) === 0) return;
  throw new FleetError(
    'ledger-readonly',
    `ledger ${path}: every user of this machine may write to it (mode ${octal(mode)})`,
    {
      hint: `who did? Then: chmod go-rwx '${path}'`,
    },
  );
}

async function migrate(
  database: Database.Database,
  db: Kysely<LedgerSchema>,
  path: string,
  steps: typeof migrations,
): Promise<void> {
  const version = database.pragma('user_version', { simple: true }) as number;
  if (version === steps.length) return;
  if (version > steps.length)
    throw markedLedger(path, readMarks(database)) ?? newerLedger(path, version, steps.length);
  if (version > 0) await keepCopy(db, `${path}.before-v${steps.length}`);
  await db.transaction().execute(async (transaction) => {
    const current = database.pragma('user_version', { simple: true }) as number;
    for (const step of steps.slice(current)) await step(transaction as unknown as Kysely<unknown>);
    database.pragma(`user_version = ${steps.length}`);
  });
}

/** A whole copy at `to`, or none. The first one stays: it is from before whatever came since. */
async function keepCopy(db: Kysely<LedgerSchema>, to: string): Promise<void> {
  if (existsSync(to)) return;
  const draft = `${to}.part`;
  rmSync(draft, { force: true });
  try {
    await sql`VACUUM INTO ${draft}`.execute(db);
    chmodSync(draft, 0o600);
    renameSync(draft, to);
  } finally {
    rmSync(draft, { force: true });
  }
}
