import type { Kysely } from 'kysely';

/** What people call an account whose name is a proposed one. */
export async function up({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('accounts').addColumn('display_name', 'text').execute();
}
