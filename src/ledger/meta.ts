import type { LedgerDb } from './ledger.ts';

/** What the ledger remembers besides its tables, by key; null: nothing. */
export async function readMeta(db: LedgerDb, key: string): Promise<string | null> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', key).executeTakeFirst();
  return row?.value ?? null;
}

export async function writeMeta(db: LedgerDb, key: string, value: string): Promise<void> {
  await db
    .insertInto('meta')
    .values({ key, value })
    .onConflict((c) => c.column('key').doUpdateSet({ value }))
    .execute();
}
