import type { Kysely } from 'kysely';

/** Trials of what is new on a few accounts before the others get it. */
export async function up({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('canaries')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('mark', 'text', (c) => c.notNull())
    .addColumn('phase', 'text', (c) => c.notNull())
    .addColumn('accounts_json', 'text', (c) => c.notNull())
    .addColumn('others_json', 'text', (c) => c.notNull())
    .addColumn('before', 'blob', (c) => c.notNull())
    .addColumn('watch_ms', 'integer', (c) => c.notNull())
    .addColumn('max_errors', 'real', (c) => c.notNull())
    .addColumn('note', 'text', (c) => c.notNull())
    .addColumn('begun_at', 'integer', (c) => c.notNull())
    .addColumn('changed_at', 'integer', (c) => c.notNull())
    .execute();
}
