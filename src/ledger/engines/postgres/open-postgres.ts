import { Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, sql } from 'kysely';
import { FleetError } from '../../../model/errors.ts';
import { ledgerPlaceText, type PostgresPlace } from '../../../model/ledger-place.ts';
import type { migrations } from '../../migrations/all.ts';
import type { LedgerSchema } from '../../schema.ts';
import type { Engine } from '../engine.ts';
import { arrivingLedger, movedLedger, newerLedger } from '../ledger-refusals.ts';
import { portableTypes } from './portable-types.ts';
import { postgresError } from './postgres-errors.ts';
import { SerialDriver, type SerialOptions } from './serial-driver.ts';
import { Session, schemaName } from './session.ts';

/** The oldest server that this is tried with: Debian 11's. */
const oldestServer = 130_000;

/** "flee", for the lock of migrations: an upgrade waits for another one. */
const migrationLock = 0x666c6565;

/**
 * Opens the ledger in a database, makes it where there is none, and brings it to the newest
 * version. Every commit is on the server's disk when it returns. Errors: `ledger-unreachable`,
 * `ledger-denied`, `ledger-unsupported`, `ledger-newer`, `ledger-readonly`, `ledger-corrupt`.
 */
export async function openPostgres(
  place: PostgresPlace,
  readPassword: () => Promise<string | null>,
  steps: typeof migrations,
): Promise<Engine> {
  const text = ledgerPlaceText(place);
  try {
    const password = await readPassword();
    const open = (): Promise<Session> => Session.open(place, password);
    await prepare(text, open, steps);
    const db = databaseOf({ open, admit: (row) => admit(text, row, steps.length) });
    return engineOn(db, text);
  } catch (error) {
    throw postgresError(text, error);
  }
}

const databaseOf = (options: SerialOptions): Kysely<LedgerSchema> =>
  new Kysely<LedgerSchema>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new SerialDriver(options),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });

const engineOn = (db: Kysely<LedgerSchema>, text: string): Engine => ({
  db,
  place: text,
  useError: (cause) => postgresError(text, cause),
  isSound: async () => true,
  freeBytes: () => null,
  copyTo: async () => {
    throw new FleetError('bug', `ledger ${text}: no copies yet`, { hint: 'please report this' });
  },
  clockAheadMs: async () => {
    const beforeMs = Date.now();
    const { rows } = await sql<{ ms: number }>`SELECT
      floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms`.execute(db);
    const serverMs = rows[0]?.ms ?? 0;
    const afterMs = Date.now();
    // The answer is of a moment between both.
    return serverMs < beforeMs ? beforeMs - serverMs : Math.min(0, afterMs - serverMs);
  },
});

/** Who may write: a program that knows the ledger as it is, in the one that counts. */
function admit(
  text: string,
  row: Readonly<Record<string, unknown>> | undefined,
  version: number,
): void {
  const state = row as LedgerRow | undefined;
  if (state === undefined)
    throw new FleetError('ledger-corrupt', `ledger ${text}: its row is missing`, {
      hint: 'bring back a backup, or name another database: docs/ledger.md',
    });
  if (state.version > version) throw newerLedger(text, state.version, version);
  if (state.moved_to !== null) throw movedLedger(text, state.moved_to);
  if (state.arriving_from !== null) throw arrivingLedger(text, state.arriving_from);
}

const ledgerRow = 'SELECT version, moved_to, arriving_from FROM ledger';

interface LedgerRow {
  readonly version: number;
  readonly moved_to: string | null;
  readonly arriving_from: string | null;
}

/** The server is one that fits, and the ledger in it is of this version. */
async function prepare(
  text: string,
  open: () => Promise<Session>,
  steps: typeof migrations,
): Promise<void> {
  const session = await open();
  try {
    const { rows } = await session.run(`SELECT
      current_setting('server_version_num')::int AS version,
      current_setting('server_version') AS words, current_setting('server_encoding') AS encoding,
      to_regclass('${schemaName}.ledger') IS NOT NULL AS "isThere"`);
    refuseServer(text, rows[0] as unknown as ServerFacts);
    if (rows[0]?.isThere === true) {
      const [row] = (await session.run(ledgerRow)).rows;
      admit(text, row, steps.length);
      if (row?.version === steps.length) return;
    }
  } finally {
    await session.close();
  }
  await migrate(open, steps);
}

interface ServerFacts {
  readonly version: number;
  readonly words: string;
  readonly encoding: string;
}

function refuseServer(text: string, { version, words, encoding }: ServerFacts): void {
  const refusal = (what: string, hint: string): FleetError =>
    new FleetError('ledger-unsupported', `ledger ${text}: ${what}`, { hint });
  if (version < oldestServer)
    throw refusal(`its server is PostgreSQL ${words}`, 'fleet needs PostgreSQL 13 or newer');
  if (encoding !== 'UTF8')
    throw refusal(`its database is encoded in ${encoding}`, 'make one with ENCODING UTF8');
}

/** One after the other, all of it or nothing. */
async function migrate(open: () => Promise<Session>, steps: typeof migrations): Promise<void> {
  const db = databaseOf({ open: () => openAlone(open), admit: () => undefined });
  try {
    await db.transaction().execute(async (transaction) => {
      const { rows } = await sql<{ version: number }>`SELECT version FROM ledger`.execute(
        transaction,
      );
      const version = rows[0]?.version ?? 0;
      const portable = transaction.withPlugin(portableTypes()) as unknown as Kysely<unknown>;
      for (const step of steps.slice(version)) await step(portable);
      await sql`UPDATE ledger SET version = ${Math.max(version, steps.length)}`.execute(
        transaction,
      );
    });
  } finally {
    await db.destroy();
  }
}

/** Makes schema and row of the ledger where they are missing: transactions begin with that row. */
async function openAlone(open: () => Promise<Session>): Promise<Session> {
  const session = await open();
  try {
    await session.run(`BEGIN; SELECT pg_advisory_xact_lock(${migrationLock});
      CREATE SCHEMA IF NOT EXISTS ${schemaName};
      CREATE TABLE IF NOT EXISTS ledger (
        only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
        version bigint NOT NULL DEFAULT 0, chain_length bigint NOT NULL DEFAULT 0,
        moved_to text, arriving_from text);
      INSERT INTO ledger DEFAULT VALUES ON CONFLICT DO NOTHING;
      COMMIT`);
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}
