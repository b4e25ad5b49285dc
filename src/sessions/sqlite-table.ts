/**
 * What SQLite can hold in a cell; integers as bigint where they may exceed 2^53 (user ids need 64
 * bits).
 */
export type SqliteCell = null | number | bigint | string | Uint8Array;

/**
 * A table by column name (lower case): the forks add columns at the front, in the middle or at the
 * end.
 */
export interface SessionTable {
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, SqliteCell>>[];
}

/**
 * The tables of a session file, by lower-case name. `sessions` and `version` hold all rows or at
 * least two; of `entities` only the
 * row with id 0 matters; every other table may come without rows, its name helps the message.
 */
export type SessionTables = ReadonlyMap<string, SessionTable>;
