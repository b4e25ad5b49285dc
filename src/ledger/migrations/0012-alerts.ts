import type { Kysely } from 'kysely';

/**
 * What fires and since when, messages on their way, and what the operator does not want to hear of.
 */
export async function up({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('alerts')
    .addColumn('key', 'text', (c) => c.primaryKey())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('alert_json', 'text', (c) => c.notNull())
    .execute();
  await schema
    .createTable('alert_messages')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('created_at', 'integer', (c) => c.notNull())
    .addColumn('route_json', 'text', (c) => c.notNull())
    .addColumn('message_json', 'text', (c) => c.notNull())
    .addColumn('attempts', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('next_try_at', 'integer', (c) => c.notNull())
    .addColumn('problem', 'text')
    .addColumn('delivered_at', 'integer')
    .addColumn('delivered_by', 'text')
    .execute();
  await schema
    .createIndex('alert_messages_waiting')
    .on('alert_messages')
    .columns(['delivered_at', 'created_at'])
    .execute();
  await schema
    .createTable('alert_silences')
    .addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('rule', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('until', 'integer', (c) => c.notNull())
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('by', 'text', (c) => c.notNull())
    .addColumn('created_at', 'integer', (c) => c.notNull())
    .execute();
}
