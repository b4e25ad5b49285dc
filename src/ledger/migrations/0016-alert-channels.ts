import type { Kysely } from 'kysely';

/**
 * Channels that did not take the last thing that they were told, and until when they want to be
 * left alone.
 */
export async function up({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('alert_channels')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('failed_at', 'integer', (c) => c.notNull())
    .addColumn('failing_since', 'integer', (c) => c.notNull())
    .addColumn('problem', 'text', (c) => c.notNull())
    .addColumn('hint', 'text', (c) => c.notNull())
    .addColumn('rest_until', 'integer')
    .execute();
}
