import type { Kysely } from 'kysely';

/**
 * Of `fleet serve`: tokens (their hashes), plans that wait to be carried out, jobs, and answers
 * that are given again.
 */
export async function up({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('api_tokens')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('scope', 'text', (c) => c.notNull())
    .addColumn('hosts', 'text')
    .addColumn('created_at', 'integer', (c) => c.notNull())
    .addColumn('created_by', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'integer')
    .addColumn('revoked_at', 'integer')
    .addColumn('last_used_at', 'integer')
    .execute();
  await schema
    .createTable('api_plans')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('token', 'text', (c) => c.notNull())
    .addColumn('verb', 'text', (c) => c.notNull())
    .addColumn('input_json', 'text', (c) => c.notNull())
    .addColumn('digest', 'text', (c) => c.notNull())
    .addColumn('made_at', 'integer', (c) => c.notNull())
    .addColumn('expires_at', 'integer', (c) => c.notNull())
    .addColumn('job', 'text')
    .execute();
  await schema
    .createTable('api_jobs')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('token', 'text', (c) => c.notNull())
    .addColumn('verb', 'text', (c) => c.notNull())
    .addColumn('caller', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('owner', 'text', (c) => c.notNull())
    .addColumn('begun_at', 'integer', (c) => c.notNull())
    .addColumn('ended_at', 'integer')
    .addColumn('answer_json', 'text')
    .execute();
  await schema.createIndex('api_jobs_begun').on('api_jobs').columns(['begun_at', 'id']).execute();
  await schema
    .createTable('api_answers')
    .addColumn('token', 'text', (c) => c.notNull())
    .addColumn('key', 'text', (c) => c.notNull())
    .addColumn('digest', 'text', (c) => c.notNull())
    .addColumn('at', 'integer', (c) => c.notNull())
    .addColumn('job', 'text')
    .addColumn('status', 'integer')
    .addColumn('answer_json', 'text')
    .addPrimaryKeyConstraint('api_answers_key', ['token', 'key'])
    .execute();
  await schema.createIndex('api_answers_at').on('api_answers').columns(['at']).execute();
  await schema.createIndex('api_plans_end').on('api_plans').columns(['expires_at']).execute();
}
