import type { Kysely } from 'kysely';

/** Old samples are found by their age, and keys by the moves that brought them, without reading everything. */
export async function up({ schema }: Kysely<unknown>): Promise<void> {
  await schema.createIndex('samples_taken').on('samples').column('taken_at').execute();
  await schema.createIndex('moves_key').on('moves').column('key_id').execute();
}
