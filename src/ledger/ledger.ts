import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { Kysely, SqliteDialect, sql, type Transaction } from 'kysely';
import { FleetError } from '../model/errors.ts';
import { octal } from '../model/file-trust.ts';
import { makeFolder } from '../surroundings/make-folder.ts';
import { chainFunction, chainHash } from './history-chain.ts';
import { migrations } from './migrations/all.ts';
import type { LedgerSchema } from './schema.ts';
import { noSerialCopy, type SerialCopy } from './serial-copy.ts';

/** An open ledger, or a transaction on it: every query function takes one. */
export type LedgerDb = Kysely<LedgerSchema> | Transaction<LedgerSchema>;

export interface Ledger {
  readonly db: Kysely<LedgerSchema>;
  readonly path: string;
  /** Names this ledger to hosts: a host obeys one authority. */
  readonly authorityId: string;
  /** What is kept outside of it. */
  readonly serialCopy: SerialCopy;
  close(): Promise<void>;
}

/** The error codes of SQLite and of the file system, as what the operator can do about them. */
export function ledgerError(path: string, cause: unknown): unknown {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const fail = (kind: ConstructorParameters<typeof FleetError>[0], what: string, hint: string) =>
    new FleetError(kind, `ledger ${path}: ${what}`, { hint, cause });
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
export const ledgerUseError = (path: string, cause: unknown): unknown =>
  cause instanceof Error && 'code' in cause && String(cause.code).startsWith('SQLITE_')
    ? ledgerError(path, cause)
    : cause;

/**
 * Opens the ledger at `path`, creating it (mode 0600) and its folder when absent, and brings it to
 * the newest version; before that a copy
 * `PATH.before-vN` is kept. Every commit is on disk when it returns: WAL with `synchronous=FULL`.
 * Errors: `ledger-locked`, `ledger-readonly`, `ledger-corrupt`, `ledger-newer`.
 */
export async function openLedger(
  path: string,
  steps: typeof migrations = migrations,
  serialCopy: SerialCopy = noSerialCopy,
): Promise<Ledger> {
  try {
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
      return {
        db,
        path,
        authorityId: await readAuthorityId(db),
        serialCopy,
        close: () => db.destroy(),
      };
    } catch (error) {
      await db.destroy();
      throw error;
    }
  } catch (error) {
    throw ledgerError(path, error);
  }
}

/**
 * SQLite itself ends a transaction that finds the disk full, and refuses to end it once more: that
 * would hide what went wrong.
 */
function dialectOf(database: Database.Database): SqliteDialect {
  const dialect = new SqliteDialect({ database });
  const createDriver = dialect.createDriver.bind(dialect);
  dialect.createDriver = () => {
    const driver = createDriver();
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
  if (version > steps.length) {
    throw new FleetError(
      'ledger-newer',
      `ledger ${path}: version ${version} is newer than this fleet understands (${steps.length})`,
      {
        hint: 'update fleet on this machine, or use the machine that wrote the ledger last',
      },
    );
  }
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

async function readAuthorityId(db: Kysely<LedgerSchema>): Promise<string> {
  const known = db.selectFrom('meta').select('value').where('key', '=', 'authority-id');
  // Commands that only look do not write: another command may hold the file.
  if ((await known.executeTakeFirst()) === undefined) {
    await db
      .insertInto('meta')
      .values({ key: 'authority-id', value: randomUUID() })
      .onConflict((c) => c.doNothing())
      .execute();
  }
  return (await known.executeTakeFirstOrThrow()).value;
}

/** Whether SQLite finds nothing wrong with the file; reads all of it. */
export async function isLedgerSound({ db }: Ledger): Promise<boolean> {
  const { rows } = await sql<{ quick_check: string }>`PRAGMA quick_check(1)`.execute(db);
  return rows[0]?.quick_check === 'ok';
}
