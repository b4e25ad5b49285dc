import type { Kysely } from 'kysely';

/** Logins that were begun and are not done: one for each account at most. */
export async function up({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('logins')
    .addColumn('account', 'text', (c) => c.primaryKey())
    .addColumn('host', 'text', (c) => c.notNull())
    .addColumn('way', 'text', (c) => c.notNull())
    .addColumn('old_key_id', 'text')
    .addColumn('key_id', 'text')
    .addColumn('phase', 'text', (c) => c.notNull())
    .addColumn('started_at', 'integer', (c) => c.notNull())
    .execute();
}
