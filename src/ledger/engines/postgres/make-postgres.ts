import {
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
  type Transaction,
} from 'kysely';
import type { migrations } from '../../migrations/all.ts';
import type { LedgerSchema } from '../../schema.ts';
import type { LedgerDb } from '../engine.ts';
import { portableTypes } from './portable-types.ts';
import { SerialDriver, type SerialOptions } from './serial-driver.ts';
import { type Session, schemaName } from './session.ts';

/** Who makes, upgrades or replaces a ledger waits for another one who does ("flee"). */
const alone = `SELECT pg_advisory_xact_lock(${0x666c6565})`;

/** Schema and row of the ledger, where they are missing. Transactions begin with that row. */
const emptyLedger = `CREATE SCHEMA IF NOT EXISTS ${schemaName};
  CREATE TABLE IF NOT EXISTS ledger (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    version bigint NOT NULL DEFAULT 0, chain_length bigint NOT NULL DEFAULT 0,
    moved_to text, arriving_from text);
  INSERT INTO ledger DEFAULT VALUES ON CONFLICT DO NOTHING`;

/** Queries over sessions that `options` opens. */
export const databaseOf = (options: SerialOptions): Kysely<LedgerSchema> =>
  new Kysely<LedgerSchema>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new SerialDriver(options),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });

/** One after the other, all of it or nothing. */
export async function migratePostgres(
  open: () => Promise<Session>,
  steps: typeof migrations,
): Promise<void> {
  const db = databaseOf({ open: () => openAlone(open), admit: () => undefined });
  try {
    await db.transaction().execute((transaction) => bringUp(transaction, steps));
  } finally {
    await db.destroy();
  }
}

/** Makes schema and row of the ledger where they are missing: transactions begin with that row. */
async function openAlone(open: () => Promise<Session>): Promise<Session> {
  const session = await open();
  try {
    await session.run(`BEGIN; ${alone}; ${emptyLedger}; COMMIT`);
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

async function bringUp(
  transaction: Transaction<LedgerSchema>,
  steps: typeof migrations,
): Promise<void> {
  const { rows } = await sql<{ version: number }>`SELECT version FROM ledger`.execute(transaction);
  const version = rows[0]?.version ?? 0;
  const portable = transaction.withPlugin(portableTypes()) as unknown as Kysely<unknown>;
  for (const step of steps.slice(version)) await step(portable);
  await sql`UPDATE ledger SET version = ${Math.max(version, steps.length)}`.execute(transaction);
}

/** Acts within the transaction that puts another ledger in a place. */
export interface Replacement {
  /** Judges what is there, before anything of it is changed; throws where it has to stay. */
  readonly accept?: (db: LedgerDb) => Promise<void>;
  /** Gets the new and empty ledger. */
  readonly fill: (db: LedgerDb) => Promise<void>;
}

/**
 * Another ledger in the place of the one that is there, which stays as the schema `aside`. All of
 * it is one transaction, so there is a whole ledger at every moment. Errors: `PostgresFailure`,
 * those of `accept` and `fill`.
 */
export async function replacePostgres(
  open: () => Promise<Session>,
  steps: typeof migrations,
  aside: string,
  { accept, fill }: Replacement,
): Promise<void> {
  const db = databaseOf({ open: () => openAlone(open), admit: () => undefined });
  try {
    await db.transaction().execute(async (transaction) => {
      const run = (text: string): Promise<unknown> => sql.raw(text).execute(transaction);
      await run(alone);
      await accept?.(transaction);
      await run(`ALTER SCHEMA ${schemaName} RENAME TO ${aside}`);
      for (const statement of emptyLedger.split(';')) await run(statement);
      await bringUp(transaction, steps);
      await fill(transaction);
    });
  } finally {
    await db.destroy();
  }
}
