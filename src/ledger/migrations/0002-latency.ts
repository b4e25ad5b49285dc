import type { Kysely } from 'kysely';

/** The round trip from the operator to each host, as last measured. */
export async function up({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('hosts').addColumn('latency_ms', 'real').execute();
}
