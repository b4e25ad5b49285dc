import { type Kysely, PostgresAdapter, type QueryExecutorProvider } from 'kysely';

/** What differs between the two engines where SQL has no common word. */
export type EngineName = 'sqlite' | 'postgres';

/** The engine behind a database, a transaction, or a database in a migration. */
export const engineOf = (db: QueryExecutorProvider | Kysely<unknown>): EngineName =>
  db.getExecutor().adapter instanceof PostgresAdapter ? 'postgres' : 'sqlite';
