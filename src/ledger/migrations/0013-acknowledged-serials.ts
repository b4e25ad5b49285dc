import type { Kysely } from 'kysely';

/**
 * Which run of this ledger a host has last acknowledged, and when it was found to know less
 * (docs/exclusivity.md, row 41).
 */
export async function up({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('hosts').addColumn('acknowledged_serial', 'integer').execute();
  await schema.alterTable('hosts').addColumn('fell_back_at', 'integer').execute();
  await schema.alterTable('hosts').addColumn('fell_back_to', 'integer').execute();
}
