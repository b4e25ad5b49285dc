import { type Kysely, sql } from 'kysely';
import { FleetError } from '../../../model/errors.ts';
import { ledgerPlaceText } from '../../../model/ledger-place.ts';
import type { migrations } from '../../migrations/all.ts';
import type { LedgerSchema } from '../../schema.ts';
import { copyRows, summary } from '../copy-rows.ts';
import { copyToFile } from '../copy-to-file.ts';
import type { Engine, PostgresAccess } from '../engine.ts';
import type { StoredMarks } from '../ledger-mark.ts';
import { markedLedger, newerLedger } from '../ledger-refusals.ts';
import { databaseOf, migratePostgres, replacePostgres } from './make-postgres.ts';
import { PostgresFailure, postgresError } from './postgres-errors.ts';
import { writeMoved } from './postgres-mark.ts';
import { Session, schemaName } from './session.ts';

/** The oldest server that this is tried with: Debian 11's. */
const oldestServer = 130_000;

/**
 * Opens the ledger in a database, makes it where there is none, and brings it to the newest
 * version. Every commit is on the server's disk when it returns. Errors: `ledger-unreachable`,
 * `ledger-denied`, `ledger-unsupported`, `ledger-newer`, `ledger-readonly`, `ledger-corrupt`.
 */
export async function openPostgres(
  { place, readPassword }: PostgresAccess,
  steps: typeof migrations,
): Promise<Engine> {
  const text = ledgerPlaceText(place);
  try {
    const password = await readPassword();
    const open = (): Promise<Session> => Session.open(place, password);
    await prepare(text, open, steps);
    const db = databaseOf({ open, admit: (row) => admit(text, row, steps.length) });
    return engineOn(db, text, steps);
  } catch (error) {
    throw postgresError(text, error);
  }
}

function engineOn(db: Kysely<LedgerSchema>, text: string, steps: typeof migrations): Engine {
  const engine: Engine = {
    db,
    place: text,
    useError: (cause) => postgresError(text, cause),
    isSound: () =>
      engine.snapshot(summary).then(
        () => true,
        (error: unknown) => {
          if (error instanceof PostgresFailure && error.code.startsWith('XX')) return false;
          throw error;
        },
      ),
    freeBytes: () => null,
    snapshot: (act) => db.transaction().setAccessMode('read only').execute(act),
    copyTo: (path) => copyToFile(engine.snapshot, path, steps),
    clockAheadMs: async () => {
      const beforeMs = Date.now();
      const { rows } = await sql<{ ms: number }>`SELECT
      floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms`.execute(db);
      const serverMs = rows[0]?.ms ?? 0;
      const afterMs = Date.now();
      // The answer is of a moment between both.
      return serverMs < beforeMs ? beforeMs - serverMs : Math.min(0, afterMs - serverMs);
    },
    markMoved: writeMoved,
  };
  return engine;
}

/**
 * Puts the ledger `from` in the place of the one in the database, which stays as the schema
 * `aside`. Errors: as {@link openPostgres}.
 */
export async function putIntoPostgres(
  { place, readPassword }: PostgresAccess,
  from: Engine,
  aside: string,
  steps: typeof migrations,
): Promise<void> {
  const text = ledgerPlaceText(place);
  try {
    const password = await readPassword();
    const open = (): Promise<Session> => Session.open(place, password);
    await from.snapshot((source) =>
      replacePostgres(open, steps, aside, {
        fill: async (to) => void (await copyRows(source, to)),
      }),
    );
  } catch (error) {
    throw postgresError(text, error);
  }
}

/** Who may write: a program that knows the ledger as it is, in the one that counts. */
function admit(
  text: string,
  row: Readonly<Record<string, unknown>> | undefined,
  version: number,
): void {
  const state = row as LedgerRow | undefined;
  if (state === undefined)
    throw new FleetError('ledger-corrupt', `ledger ${text}: its row is missing`, {
      hint: 'bring back a backup, or name another database: docs/ledger/postgres.md',
    });
  if (state.version > version) throw newerLedger(text, state.version, version);
  const refusal = markedLedger(text, state);
  if (refusal !== null) throw refusal;
}

const ledgerRow = 'SELECT version, moved_to, arriving_from FROM ledger';

interface LedgerRow extends StoredMarks {
  readonly version: number;
}

/** The server is one that fits, and the ledger in it is of this version. */
async function prepare(
  text: string,
  open: () => Promise<Session>,
  steps: typeof migrations,
): Promise<void> {
  const session = await open();
  try {
    const { rows } = await session.run(serverFacts);
    refuseServer(text, rows[0] as unknown as ServerFacts);
    if (rows[0]?.isThere === true) {
      const [row] = (await session.run(ledgerRow)).rows;
      admit(text, row, steps.length);
      if (row?.version === steps.length) return;
    }
  } finally {
    await session.close();
  }
  await migratePostgres(open, steps);
}

/** {@link ServerFacts}, and whether there is a ledger. */
export const serverFacts = `SELECT current_setting('server_version_num')::int AS version,
  current_setting('server_version') AS words, current_setting('server_encoding') AS encoding,
  to_regclass('${schemaName}.ledger') IS NOT NULL AS "isThere"`;

export interface ServerFacts {
  readonly version: number;
  readonly words: string;
  readonly encoding: string;
}

/** Errors: `ledger-unsupported`. */
export function refuseServer(text: string, { version, words, encoding }: ServerFacts): void {
  const refusal = (what: string, hint: string): FleetError =>
    new FleetError('ledger-unsupported', `ledger ${text}: ${what}`, { hint });
  if (version < oldestServer)
    throw refusal(`its server is PostgreSQL ${words}`, 'fleet needs PostgreSQL 13 or newer');
  if (encoding !== 'UTF8')
    throw refusal(`its database is encoded in ${encoding}`, 'make one with ENCODING UTF8');
}
