import type { Kysely } from 'kysely';

/**
 * What a statement about a host rests on, until when its boots may start accounts, and how often
 * something with authority was sent to it.
 */
export async function up({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('hosts').addColumn('off_kind', 'text').execute();
  await schema.alterTable('hosts').addColumn('may_boot_until', 'integer').execute();
  await schema
    .alterTable('hosts')
    .addColumn('contacts', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
}
