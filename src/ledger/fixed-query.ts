import type { CompiledQuery } from 'kysely';
import type { LedgerDb } from './ledger.ts';

/** A query that is the same every time. It is put together once, at its first use: that takes longer than to run it. */
export function fixedQuery<Row>(build: (db: LedgerDb) => { compile(): CompiledQuery<Row> }): (db: LedgerDb) => Promise<Row[]> {
  let compiled: CompiledQuery<Row> | null = null;
  return async (db) => {
    compiled ??= build(db).compile();
    return (await db.executeQuery(compiled)).rows;
  };
}
