import type { Kysely } from 'kysely';

/**
 * Since when the host refuses the login, when it last did, how often in a row, and in which words
 * (JSON: code, message, hint). Null: it accepts fleet's logins.
 */
export async function up({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('hosts').addColumn('refused_since', 'integer').execute();
  await schema.alterTable('hosts').addColumn('refused_at', 'integer').execute();
  await schema
    .alterTable('hosts')
    .addColumn('refusals', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
  await schema.alterTable('hosts').addColumn('refusal', 'text').execute();
}
