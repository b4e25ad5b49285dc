import { randomUUID } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { LedgerPlace } from '../model/ledger-place.ts';
import type { SecretReference } from '../model/secret-reference.ts';
import type { Engine, LedgerDb, PostgresAccess } from './engines/engine.ts';
import { openSqlite } from './engines/sqlite/open-sqlite.ts';
import { sqliteError } from './engines/sqlite/sqlite-errors.ts';
import { migrations } from './migrations/all.ts';
import type { LedgerSchema } from './schema.ts';
import { noSerialCopy, type SerialCopy } from './serial-copy.ts';

export type { LedgerDb, PostgresAccess };

export interface Ledger extends Engine {
  /** Names this ledger to hosts: a host obeys one authority. */
  readonly authorityId: string;
  /** What is kept outside of it. */
  readonly serialCopy: SerialCopy;
  close(): Promise<void>;
}

/** How the ledger at `place` is opened; `readSecret` reads its password when it is needed. */
export const accessTo = (
  place: LedgerPlace,
  readSecret: (reference: SecretReference) => Promise<string>,
): string | PostgresAccess =>
  place.kind === 'file'
    ? place.path
    : {
        place,
        readPassword: async () => (place.password === null ? null : readSecret(place.password)),
      };

/**
 * Opens the ledger in a file or a database, making it when absent, and brings it to the newest
 * version. Errors: `ledger-*`.
 */
export async function openLedger(
  where: string | PostgresAccess,
  steps: typeof migrations = migrations,
  serialCopy: SerialCopy = noSerialCopy,
): Promise<Ledger> {
  if (typeof where !== 'string') {
    // Who has a file never loads what speaks to databases.
    const { openPostgres } = await import('./engines/postgres/open-postgres.ts');
    const engine = await openPostgres(where, steps);
    return asLedger(engine, serialCopy).catch((error: unknown) => {
      throw engine.useError(error);
    });
  }
  try {
    return await asLedger(await openSqlite(where, steps), serialCopy);
  } catch (error) {
    throw sqliteError(where, error);
  }
}

async function asLedger(engine: Engine, serialCopy: SerialCopy): Promise<Ledger> {
  const close = () => engine.db.destroy();
  try {
    return { ...engine, authorityId: await readAuthorityId(engine.db), serialCopy, close };
  } catch (error) {
    await close();
    throw error;
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
