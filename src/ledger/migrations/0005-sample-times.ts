import type { Kysely } from 'kysely';

/**
 * Old samples are found by their age, keys by the moves that brought them, and the last run of a
 * command, without reading everything.
 */
export async function up({ schema }: Kysely<unknown>): Promise<void> {
  await schema.createIndex('samples_taken').on('samples').column('taken_at').execute();
  await schema.createIndex('moves_key').on('moves').column('key_id').execute();
  await schema.createIndex('runs_command').on('runs').columns(['command', 'serial']).execute();
}
