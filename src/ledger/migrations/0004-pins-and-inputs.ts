import type { Kysely } from 'kysely';

/** The operator's pins, and what decisions were made from. */
export async function up({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('accounts').addColumn('pinned_to', 'text').execute();
  await schema
    .createTable('decision_inputs')
    .addColumn('hash', 'text', (c) => c.primaryKey())
    .addColumn('at', 'integer', (c) => c.notNull())
    .addColumn('content', 'blob', (c) => c.notNull())
    .execute();
}
