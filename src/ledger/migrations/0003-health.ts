import type { Kysely } from 'kysely';

/** Health of hosts over sweeps, and the operator's statement that a host is switched off. */
export async function up({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('hosts').addColumn('unreachable_since', 'integer').execute();
  await schema
    .alterTable('hosts')
    .addColumn('health', 'text', (column) => column.notNull().defaultTo('healthy'))
    .execute();
  await schema.alterTable('hosts').addColumn('off_at', 'integer').execute();
  await schema.alterTable('hosts').addColumn('hold_after_ms', 'integer').execute();
}
