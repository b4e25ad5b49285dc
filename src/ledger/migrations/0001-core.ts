import type { Kysely } from 'kysely';

/** Hosts, accounts, placements, moves, history, samples, events, runs, lock. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema
    .createTable('meta')
    .addColumn('key', 'text', (c) => c.primaryKey())
    .addColumn('value', 'text', (c) => c.notNull())
    .execute();
  await schema
    .createTable('hosts')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('instance_id', 'text')
    .addColumn('arch', 'text')
    .addColumn('os', 'text')
    .addColumn('release', 'text')
    .addColumn('bootstrapped_at', 'integer')
    .addColumn('cordoned', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('cordon_reason', 'text')
    .addColumn('contact_intent_at', 'integer')
    .addColumn('last_seen_at', 'integer')
    .addColumn('failures', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('failure_reason', 'text')
    .addColumn('destroyed_at', 'integer')
    .execute();
  await schema
    .createTable('accounts')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('key_id', 'text', (c) => c.notNull().unique())
    .addColumn('user_id', 'text')
    .addColumn('data_centre', 'integer', (c) => c.notNull())
    .addColumn('is_bot', 'integer', (c) => c.notNull())
    .addColumn('source_format', 'text', (c) => c.notNull())
    .addColumn('vault_hash', 'text', (c) => c.notNull())
    .addColumn('imported_at', 'integer', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('state_reason', 'text', (c) => c.notNull())
    .addColumn('state_since', 'integer', (c) => c.notNull())
    .addColumn('wanted', 'integer', (c) => c.notNull().defaultTo(1))
    .execute();
  await schema.createIndex('accounts_user').on('accounts').column('user_id').execute();
  // Epochs outlive their accounts: a key that comes back must never start again at 1
  // (docs/exclusivity.md, row 21).
  await schema
    .createTable('epochs')
    .addColumn('key_id', 'text', (c) => c.primaryKey())
    .addColumn('epoch', 'integer', (c) => c.notNull())
    .execute();
  await createMoves(db);
  await createRecords(db);
}

async function createMoves({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('placements')
    .addColumn('account', 'text', (c) => c.primaryKey().references('accounts.name'))
    .addColumn('host', 'text', (c) => c.notNull().references('hosts.name'))
    .addColumn('epoch', 'integer', (c) => c.notNull())
    .addColumn('move_id', 'text', (c) => c.notNull())
    .addColumn('since', 'integer', (c) => c.notNull())
    .execute();
  await schema.createIndex('placements_host').on('placements').column('host').execute();
  await schema
    .createTable('moves')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('account', 'text', (c) => c.notNull())
    .addColumn('key_id', 'text', (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('from_host', 'text')
    .addColumn('to_host', 'text', (c) => c.notNull())
    .addColumn('epoch', 'integer', (c) => c.notNull())
    .addColumn('phase', 'text', (c) => c.notNull())
    .addColumn('decision_json', 'text', (c) => c.notNull())
    .addColumn('problem', 'text')
    .addColumn('created_at', 'integer', (c) => c.notNull())
    .addColumn('updated_at', 'integer', (c) => c.notNull())
    .execute();
  await schema.createIndex('moves_phase').on('moves').column('phase').execute();
  await schema
    .createIndex('moves_account')
    .on('moves')
    .columns(['account', 'created_at'])
    .execute();
}

async function createRecords({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('history')
    .addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('at', 'integer', (c) => c.notNull())
    .addColumn('account', 'text', (c) => c.notNull())
    .addColumn('host', 'text', (c) => c.notNull())
    .addColumn('from_host', 'text')
    .addColumn('type', 'text', (c) => c.notNull())
    .addColumn('score', 'real')
    .addColumn('strategy', 'text')
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('move_id', 'text', (c) => c.notNull().unique())
    .addColumn('decision_json', 'text', (c) => c.notNull())
    .execute();
  await schema.createIndex('history_account').on('history').columns(['account', 'at']).execute();
  await schema.createIndex('history_host').on('history').columns(['host', 'at']).execute();
  await schema.createIndex('history_at').on('history').column('at').execute();
  await schema
    .createTable('samples')
    .addColumn('host', 'text', (c) => c.notNull())
    .addColumn('taken_at', 'integer', (c) => c.notNull())
    .addColumn('sample_json', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('samples_key', ['host', 'taken_at'])
    .execute();
  await schema
    .createTable('events')
    .addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('at', 'integer', (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('host', 'text')
    .addColumn('account', 'text')
    .addColumn('text', 'text', (c) => c.notNull())
    .execute();
  await schema.createIndex('events_at').on('events').column('at').execute();
  await schema
    .createTable('runs')
    .addColumn('serial', 'integer', (c) => c.primaryKey())
    .addColumn('nonce', 'text', (c) => c.notNull())
    .addColumn('command', 'text', (c) => c.notNull())
    .addColumn('started_at', 'integer', (c) => c.notNull())
    .execute();
  await schema
    .createTable('lock')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('owner_host', 'text', (c) => c.notNull())
    .addColumn('owner_pid', 'integer', (c) => c.notNull())
    .addColumn('token', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'integer', (c) => c.notNull())
    .execute();
}
