import type { Kysely } from 'kysely';

/** What tells machines apart besides their names, and what is left of hosts that were forgotten. */
export async function up({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('hosts').addColumn('machine_id', 'text').execute();
  await schema.alterTable('hosts').addColumn('told_name', 'text').execute();
  await schema
    .createTable('forgotten_hosts')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('at', 'integer', (c) => c.notNull())
    .addColumn('instance_id', 'text')
    .addColumn('off_at', 'integer')
    .addColumn('off_kind', 'text')
    .addColumn('destroyed_at', 'integer')
    .addColumn('contact_intent_at', 'integer')
    .addColumn('may_boot_until', 'integer')
    .addColumn('hold_after_ms', 'integer')
    .execute();
}
