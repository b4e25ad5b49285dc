import type { migrations } from '../migrations/all.ts';
import { copyRows } from './copy-rows.ts';
import type { Engine } from './engine.ts';
import { openSqlite } from './sqlite/open-sqlite.ts';
import { sqliteError } from './sqlite/sqlite-errors.ts';

/** A copy of any ledger as a new SQLite file at `path`, as it is at one moment. */
export async function copyToFile(
  snapshot: Engine['snapshot'],
  path: string,
  steps: typeof migrations,
): Promise<void> {
  try {
    const file = await openSqlite(path, steps);
    try {
      await snapshot((from) => file.db.transaction().execute((to) => copyRows(from, to)));
    } finally {
      await file.db.destroy();
    }
  } catch (error) {
    throw sqliteError(path, error);
  }
}
