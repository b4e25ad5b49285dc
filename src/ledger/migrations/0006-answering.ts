import type { Kysely } from 'kysely';

/**
 * What the operator says about how accounts answer, the name Telegram gives them, and which
 * behaviour their host was last given.
 */
export async function up({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .alterTable('accounts')
    .addColumn('paused', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
  for (const column of ['script', 'username', 'behaviour_hash'])
    await schema.alterTable('accounts').addColumn(column, 'text').execute();
}
