import { refuse, type SessionRefusal } from './session-outcome.ts';
import { readTableShape, requireDefinition, requireIndex } from './sqlite/sqlite-columns.ts';
import {
  type Cell,
  contentOf,
  damage,
  openPages,
  requireAllUsed,
  type SqlitePages,
} from './sqlite/sqlite-pages.ts';
import { decodeRecord, type TextEncoding, textEncodingOf } from './sqlite/sqlite-record.ts';
import { walkTree } from './sqlite/sqlite-tree.ts';
import type { SessionTable, SessionTables, SqliteCell } from './sqlite-table.ts';

/**
 * Enough to tell one row from several; a hostile file cannot make us keep more. mtcute keeps a key
 * for each data centre.
 */
const rowLimit = (table: string): number => (table === 'auth_keys' ? 20 : 3);
/** More tables than any session file has; their names only serve the message. */
const tableLimit = 100;
/** The tables that are read; of all others only the pages are checked. */
const wanted: ReadonlySet<string> = new Set([
  'sessions',
  'version',
  'entities',
  'key_value',
  'auth_keys',
]);

interface Entry {
  readonly isTable: boolean;
  readonly name: string;
  /** The table that it belongs to. */
  readonly of: string;
  readonly root: number;
  readonly sql: SqliteCell;
}

/**
 * What has pages of its own: tables and indexes. Views, triggers and virtual tables have none and
 * are passed over.
 */
const readSchema = (pages: SqlitePages, encoding: TextEncoding): Entry[] => {
  const entries: Entry[] = [];
  walkTree(pages, 1, (cell) => {
    const [type, name, of, root, sql = null] = decodeRecord(contentOf(pages, cell), encoding);
    if (
      typeof name !== 'string' ||
      typeof of !== 'string' ||
      (root !== null && typeof root !== 'bigint')
    )
      throw damage('its list of tables');
    const isTable = type === 'table';
    if ((!isTable && type !== 'index') || root === null || root === 0n) return;
    const plain = name.toLowerCase();
    if (isTable && of.toLowerCase() !== plain) throw damage('a table of another name');
    entries.push({ isTable, name: plain, of: of.toLowerCase(), root: Number(root), sql });
  });
  const tables = new Set(entries.flatMap(({ isTable, name }) => (isTable ? [name] : [])));
  if (entries.some(({ of }) => !tables.has(of))) throw damage('an index of no table');
  return entries;
};

const rowsOf = (
  pages: SqlitePages,
  encoding: TextEncoding,
  entry: Entry,
): SessionTable | 'not plain' => {
  // Telethon's entities may be many: with row ids, only number 0 is of interest.
  const isWanted = ({ rowId }: Cell): boolean =>
    entry.name !== 'entities' || rowId === 0 || rowId === null;
  const isKept = (rowId: Cell['rowId'], cells: readonly SqliteCell[]): boolean => {
    if (entry.name === 'key_value') return cells[0] === 'dc_main' || cells[0] === 'current_user';
    return entry.name !== 'entities' || rowId !== null || cells[0] === 0n;
  };
  const found: { rowId: Cell['rowId']; cells: SqliteCell[] }[] = [];
  const hasRowIds = walkTree(pages, entry.root, (cell) => {
    if (found.length >= rowLimit(entry.name) || !isWanted(cell)) return;
    const cells = decodeRecord(contentOf(pages, cell), encoding);
    if (isKept(cell.rowId, cells)) found.push({ rowId: cell.rowId, cells });
  });
  if (typeof entry.sql !== 'string') throw damage('a table without a definition');
  const shape = readTableShape(entry.sql, entry.name, hasRowIds);
  if (shape === null) return 'not plain';
  const { columns, rowIdColumn } = shape;
  if (found.some(({ cells }) => cells.length > columns.length))
    throw damage('a row with more cells than its table has columns');
  const rows = found.map(({ rowId, cells }) =>
    Object.fromEntries(
      columns.map(({ name, missing }, index) => [
        name,
        name === rowIdColumn && rowId !== null
          ? BigInt(rowId)
          : index < cells.length
            ? (cells[index] ?? null)
            : missing,
      ]),
    ),
  );
  return { columns: columns.map(({ name }) => name), rows };
};

const notPlain = (name: string, where: string): SessionRefusal =>
  refuse(
    'WRONG_TABLES',
    where,
    `its table ${name} computes or checks columns, which no session file does`,
    'The file was made by another program or tampered with: export the session as a ' +
      'string with the tool that made it.',
  );

const readTables = (image: Buffer, where: string): SessionTables | SessionRefusal => {
  const pages = openPages(image);
  const encoding = textEncodingOf(image);
  const tables = new Map<string, SessionTable>();
  let refusal: SessionRefusal | undefined;
  const entries = readSchema(pages, encoding);
  const definitions = new Map(
    entries.flatMap(({ isTable, name, sql }) => (isTable ? [[name, sql] as const] : [])),
  );
  for (const entry of entries) {
    if (!entry.isTable || !wanted.has(entry.name)) {
      walkTree(pages, entry.root, () => undefined);
      if (!entry.isTable)
        requireIndex(entry.sql, entry.name, entry.of, definitions.get(entry.of) ?? null);
      else if (typeof entry.sql === 'string') requireDefinition(entry.sql, entry.name);
      if (entry.isTable && tables.size < tableLimit && !entry.name.startsWith('sqlite_'))
        tables.set(entry.name, { columns: [], rows: [] });
      continue;
    }
    if (tables.has(entry.name)) throw damage('a table twice');
    const table = rowsOf(pages, encoding, entry);
    if (table === 'not plain') refusal ??= notPlain(entry.name, where);
    tables.set(entry.name, table === 'not plain' ? { columns: [], rows: [] } : table);
  }
  requireAllUsed(pages);
  return refusal ?? tables;
};

/**
 * The tables of an SQLite file that lies in memory and has passed {@link refuseSqliteImage}. No SQL
 * runs: the pages are read as they are, each once, so that
 * nothing the file says is evaluated, and time and memory stay linear in its size. Codes:
 * `CORRUPT`, `WRONG_TABLES`. Never throws.
 */
export const readSessionTables = (image: Buffer, where: string): SessionTables | SessionRefusal => {
  try {
    return readTables(image, where);
  } catch {
    // Whatever a read out of bounds or a broken rule raises concerns these bytes: nothing else
    // takes part.
    return refuse(
      'CORRUPT',
      where,
      'is a damaged SQLite file',
      'Take an intact copy, made while nothing had the file open, or export the session ' +
        'as a string.',
    );
  }
};
