import type Database from 'better-sqlite3';
import { sql } from 'kysely';
import type { LedgerDb } from '../engine.ts';
import {
  factsQuery,
  type Standing,
  type StoredFacts,
  type StoredMarks,
  standingOf,
} from '../ledger-mark.ts';

/**
 * A ledger with a mark says a version that no release understands: what knows no marks refuses it.
 */
const markedVersions = 1_000_000;

/** Begins the words with which a marked ledger's own triggers refuse a change. */
export const movedWords = 'this ledger was moved to ';

const noMarks: StoredMarks = { moved_to: null, arriving_from: null };

/** The marks of the file; both null: none. */
export function readMarks(database: Database.Database): StoredMarks {
  const version = database.pragma('user_version', { simple: true }) as number;
  if (version < markedVersions) return noMarks;
  return (
    database.prepare<[], StoredMarks>('SELECT moved_to, arriving_from FROM ledger').get() ?? noMarks
  );
}

/**
 * Marks the ledger, within a transaction. From its commit on triggers refuse every change, also one
 * of a program that has had the file open since before, of whatever release.
 */
export async function writeMark(db: LedgerDb, marks: StoredMarks): Promise<void> {
  const run = (text: string) => sql.raw(text).execute(db);
  // A write comes first: it waits for other writers, and nobody writes from here on.
  await run('CREATE TABLE ledger (moved_to TEXT, arriving_from TEXT)');
  await sql`INSERT INTO ledger VALUES (${marks.moved_to}, ${marks.arriving_from})`.execute(db);
  if (marks.moved_to !== null) {
    const { rows } = await sql<{ name: string }>`SELECT name FROM sqlite_master
      WHERE type = 'table' AND name NOT LIKE 'sqlite%'`.execute(db);
    const words = `${movedWords}${marks.moved_to}`.replaceAll("'", "''");
    for (const { name } of rows)
      for (const act of ['INSERT', 'UPDATE', 'DELETE'])
        await run(`CREATE TRIGGER ${name}_moved_${act.toLowerCase()} BEFORE ${act} ON "${name}"
          BEGIN SELECT RAISE(ABORT, '${words}'); END`);
  }
  const { rows } = await sql<{ user_version: number }>`PRAGMA user_version`.execute(db);
  await run(`PRAGMA user_version = ${(rows[0]?.user_version ?? 0) + markedVersions}`);
}

/** Takes away the mark of an arrival, where it is this one. Returns whether it was there. */
export function endSqliteArrival(database: Database.Database, mark: string): boolean {
  return database
    .transaction((): boolean => {
      if (readMarks(database).arriving_from !== mark) return false;
      const version = database.pragma('user_version', { simple: true }) as number;
      database.exec('DROP TABLE ledger');
      database.pragma(`user_version = ${version - markedVersions}`);
      return true;
    })
    .immediate();
}

/** What is in the file. */
export function sqliteStanding(database: Database.Database): Standing {
  const tables = database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table'").all();
  if (tables.length === 0) return { kind: 'empty', hasTables: false };
  const facts = database.prepare<[], StoredFacts>(factsQuery).get();
  if (facts === undefined) throw new Error('a row of figures is missing');
  return standingOf(readMarks(database), facts);
}
