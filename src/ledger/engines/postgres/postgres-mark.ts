import { sql } from 'kysely';
import type { LedgerDb } from '../engine.ts';
import {
  factsQuery,
  type Standing,
  type StoredFacts,
  type StoredMarks,
  standingOf,
} from '../ledger-mark.ts';
import { type Session, schemaName } from './session.ts';

/** While one ledger is read, the other one's transaction waits. */
export const patience = "SET LOCAL idle_in_transaction_session_timeout TO '15min'";

/** `Engine.markMoved`: the transaction has locked the ledger's row when it began. */
export async function writeMoved(db: LedgerDb, mark: string): Promise<void> {
  await sql.raw(patience).execute(db);
  await sql`UPDATE ledger SET moved_to = ${mark}`.execute(db);
}

/** Asks the server something; one row at least. */
export type Ask = (text: string) => Promise<Readonly<Record<string, unknown>> | undefined>;

/** What is in the schema `fleet`. `isThere`: it has a ledger's row. */
export async function postgresStanding(ask: Ask, isThere: boolean): Promise<Standing> {
  const counted = await ask(`SELECT count(*)::int AS n FROM pg_class c
    JOIN pg_namespace s ON s.oid = c.relnamespace
    WHERE s.nspname = '${schemaName}' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`);
  const tables = Number(counted?.n ?? 0);
  if (!isThere && tables === 0) return { kind: 'empty', hasTables: false };
  // Whose tables are these? Where the ledger's are missing, the server says so by an error.
  const row = await ask('SELECT version, moved_to, arriving_from FROM ledger');
  if (row?.version === 0 && tables === 1) return { kind: 'empty', hasTables: false };
  const facts = (await ask(factsQuery)) as StoredFacts | undefined;
  if (facts === undefined) throw new Error('a row of figures is missing');
  return standingOf(row as unknown as StoredMarks, facts);
}

/** Takes away the mark of an arrival, where it is this one. Returns whether it was there. */
export async function endPostgresArrival(session: Session, mark: string): Promise<boolean> {
  const { rowCount } = await session.run(
    'UPDATE ledger SET arriving_from = NULL WHERE arriving_from = $1 AND moved_to IS NULL',
    [mark],
  );
  return rowCount === 1;
}
