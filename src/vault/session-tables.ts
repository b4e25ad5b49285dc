import Database from 'better-sqlite3';
import { refuse, type SessionRefusal } from '../sessions/session-outcome.ts';
import type { SessionTable, SessionTables, SqliteCell } from '../sessions/session-rows.ts';

/** Enough to tell one row from several; a hostile file cannot make us read more. */
const rowLimit = 3;
/** More tables than any session file has; their names only serve the message. */
const tableLimit = 100;

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const lowerCaseKeys = (row: Record<string, SqliteCell>): Record<string, SqliteCell> =>
  Object.fromEntries(Object.entries(row).map(([column, cell]) => [column.toLowerCase(), cell]));

const readTable = (database: Database.Database, name: string): SessionTable => {
  const columns = database.prepare<[string], string>('select lower(name) from pragma_table_info(?)').pluck().all(name);
  const wanted = name.toLowerCase();
  if (wanted !== 'sessions' && wanted !== 'version' && wanted !== 'entities') {
    return { columns, rows: [] };
  }
  if (wanted === 'entities' && !(columns.includes('id') && columns.includes('hash'))) {
    return { columns, rows: [] };
  }
  const condition = wanted === 'entities' ? 'where id = 0' : '';
  const rows = database
    .prepare<[], Record<string, SqliteCell>>(`select * from ${quoted(name)} ${condition} limit ${rowLimit}`)
    .safeIntegers()
    .all();
  return { columns, rows: rows.map(lowerCaseKeys) };
};

/** Real tables only (they have a root page): views and virtual tables would run what the file says. */
const readTables = (database: Database.Database): SessionTables => {
  const names = database
    .prepare<[], string>(
      `select name from sqlite_schema where type = 'table' and rootpage > 0 and name not like 'sqlite\\_%' escape '\\' limit ${tableLimit}`,
    )
    .pluck()
    .all();
  return new Map(names.map((name) => [name.toLowerCase(), readTable(database, name)]));
};

const damaged = (where: string): SessionRefusal =>
  refuse(
    'CORRUPT',
    where,
    'is a damaged SQLite file',
    'Take an intact copy, made while nothing had the file open, or export the session as a string.',
  );

const readChecked = (database: Database.Database, where: string): SessionTables | SessionRefusal => {
  // The schema of a foreign file may name functions; none with side effects exists here, and untrusted schemas may not even try.
  database.pragma('trusted_schema = OFF');
  database.pragma('cell_size_check = ON');
  return database.pragma('quick_check(1)', { simple: true }) === 'ok' ? readTables(database) : damaged(where);
};

/**
 * The tables of an SQLite file that lies in memory: nothing on disk is opened, so nothing can appear beside the user's file and what was
 * checked is what is read. `image` is changed (a WAL-mode header is set back, as the WAL was found empty). Code `CORRUPT`; never throws for bad content.
 */
export const readSessionTables = (image: Buffer, where: string): SessionTables | SessionRefusal => {
  image.fill(1, 18, 20);
  let database: Database.Database | undefined;
  try {
    database = new Database(image, { readonly: true });
    return readChecked(database, where);
  } catch (error) {
    if (error instanceof Database.SqliteError) {
      return damaged(where);
    }
    throw error;
  } finally {
    database?.close();
  }
};
