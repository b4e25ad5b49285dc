import type { PostgresAccess } from './engines/engine.ts';
import { replaceLedger } from './engines/sqlite/copy-ledger.ts';
import { openSqlite } from './engines/sqlite/open-sqlite.ts';
import { migrations } from './migrations/all.ts';

/** Where the ledger that gives way stays: a file beside it, or a schema of the same database. */
export const asideOf = (
  where: string | PostgresAccess,
  stamp: string,
  why: 'restore' | 'move' = 'restore',
): string =>
  typeof where === 'string'
    ? `${where}.before-${why}-${stamp}`
    : `fleet_before_${why}_${stamp.toLowerCase().replace(/\W/g, '_')}`;

/**
 * Puts the ledger in the file `from` in the place of the one at `where`, which stays as `aside`
 * (see {@link asideOf}). There is a whole ledger at every moment. Errors: `ledger-*`.
 */
export async function putLedger(
  where: string | PostgresAccess,
  from: string,
  aside: string,
): Promise<void> {
  if (typeof where === 'string') return replaceLedger(where, from, aside);
  const { putIntoPostgres } = await import('./engines/postgres/open-postgres.ts');
  const file = await openSqlite(from, migrations);
  try {
    await putIntoPostgres(where, file, aside, migrations);
  } finally {
    await file.db.destroy();
  }
}
