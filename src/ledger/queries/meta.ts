import type { LedgerDb } from '../ledger.ts';
import { preparedQuery } from '../prepared-query.ts';

/** What the ledger remembers besides its tables, by key; null: nothing. */
export async function readMeta(db: LedgerDb, key: string): Promise<string | null> {
  return (await rowByKey(db, { key })).rows[0]?.value ?? null;
}

const rowByKey = preparedQuery<{ key: string }, { value: string }>((db, value) =>
  db.selectFrom('meta').select('value').where('key', '=', value('key')),
);

export async function writeMeta(db: LedgerDb, key: string, value: string): Promise<void> {
  await db
    .insertInto('meta')
    .values({ key, value })
    .onConflict((c) => c.column('key').doUpdateSet({ value }))
    .execute();
}
