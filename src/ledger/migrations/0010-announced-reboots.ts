import type { Kysely } from 'kysely';

/**
 * A reboot of the host is announced until then, and the boot in which that was done; null: none is.
 */
export async function up({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('hosts').addColumn('announced_until', 'integer').execute();
  await schema.alterTable('hosts').addColumn('announced_boot', 'text').execute();
}
