/** What `fleet serve` keeps: tokens, plans, jobs, answers; and the history as a stream. */
import { sql } from 'kysely';
import { engineOf } from '../engines/dialect.ts';
import type { LedgerDb } from '../ledger.ts';
import { preparedQuery } from '../prepared-query.ts';
import type { ApiAnswerRow, ApiJobRow, ApiPlanRow, ApiTokenRow } from '../schema.ts';

export const insertToken = async (
  db: LedgerDb,
  token: Omit<ApiTokenRow, 'revoked_at' | 'last_used_at'>,
): Promise<void> => {
  await db.insertInto('api_tokens').values(token).execute();
};

/** By name. */
export const listTokens = (db: LedgerDb): Promise<ApiTokenRow[]> =>
  db.selectFrom('api_tokens').selectAll().orderBy('name').execute();

const tokenById = preparedQuery<{ id: string }, ApiTokenRow>((db, value) =>
  db.selectFrom('api_tokens').selectAll().where('id', '=', value('id')),
);

export const findToken = async (db: LedgerDb, id: string): Promise<ApiTokenRow | undefined> =>
  (await tokenById(db, { id })).rows[0];

/** False: there is no such token, or it was revoked before. */
export const revokeToken = async (db: LedgerDb, name: string, nowMs: number): Promise<boolean> => {
  const revoked = db.updateTable('api_tokens').set({ revoked_at: nowMs });
  const { numUpdatedRows } = await revoked
    .where('name', '=', name)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
};

const useToken = preparedQuery<{ id: string; nowMs: number }>((db, value) =>
  db
    .updateTable('api_tokens')
    .set({ last_used_at: value('nowMs') })
    .where('id', '=', value('id')),
);

export const noteTokenUse = async (db: LedgerDb, id: string, nowMs: number): Promise<void> => {
  await useToken(db, { id, nowMs });
};

export const insertPlan = async (db: LedgerDb, plan: Omit<ApiPlanRow, 'job'>): Promise<void> => {
  await db.insertInto('api_plans').values(plan).execute();
};

export const findPlan = (db: LedgerDb, id: string): Promise<ApiPlanRow | undefined> =>
  db.selectFrom('api_plans').selectAll().where('id', '=', id).executeTakeFirst();

/**
 * A plan is carried out once: false where another job has it. `job` null: that job did nothing, and
 * the plan is free again.
 */
export const claimPlan = async (
  db: LedgerDb,
  id: string,
  before: string | null,
  job: string | null,
): Promise<boolean> => {
  const { numUpdatedRows } = await db
    .updateTable('api_plans')
    .set({ job })
    .where('id', '=', id)
    .where('job', before === null ? 'is' : '=', before)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
};

export const insertJob = async (
  db: LedgerDb,
  job: Omit<ApiJobRow, 'ended_at' | 'answer_json'>,
): Promise<void> => {
  await db.insertInto('api_jobs').values(job).execute();
};

export const endJob = async (
  db: LedgerDb,
  id: string,
  end: { readonly state: ApiJobRow['state']; readonly nowMs: number; readonly answer: string },
): Promise<void> => {
  await db
    .updateTable('api_jobs')
    .set({ state: end.state, ended_at: end.nowMs, answer_json: end.answer })
    .where('id', '=', id)
    .execute();
};

export const findJob = (db: LedgerDb, id: string): Promise<ApiJobRow | undefined> =>
  db.selectFrom('api_jobs').selectAll().where('id', '=', id).executeTakeFirst();

/** Newest first, without their answers. */
export const listJobs = (db: LedgerDb, limit: number): Promise<Omit<ApiJobRow, 'answer_json'>[]> =>
  db
    .selectFrom('api_jobs')
    .select(['id', 'token', 'verb', 'caller', 'state', 'owner', 'begun_at', 'ended_at'])
    .orderBy('begun_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();

/** The first request with a key has it; null: this one is the first. */
export async function claimAnswer(
  db: LedgerDb,
  claim: Pick<ApiAnswerRow, 'token' | 'key' | 'digest' | 'at' | 'job'>,
): Promise<ApiAnswerRow | null> {
  const inserted = await db
    .insertInto('api_answers')
    .values({ ...claim, status: null, answer_json: null })
    .onConflict((c) => c.doNothing())
    .executeTakeFirst();
  if ((inserted.numInsertedOrUpdatedRows ?? 0n) > 0n) return null;
  const row = await db
    .selectFrom('api_answers')
    .selectAll()
    .where('token', '=', claim.token)
    .where('key', '=', claim.key)
    .executeTakeFirst();
  return row ?? null;
}

export const keepAnswer = async (
  db: LedgerDb,
  { token, key }: Pick<ApiAnswerRow, 'token' | 'key'>,
  answer: { readonly status: number; readonly text: string },
): Promise<void> => {
  await db
    .updateTable('api_answers')
    .set({ status: answer.status, answer_json: answer.text })
    .where('token', '=', token)
    .where('key', '=', key)
    .execute();
};

/** The key is free again: nothing was done for it. */
export const dropAnswer = async (
  db: LedgerDb,
  { token, key }: Pick<ApiAnswerRow, 'token' | 'key'>,
): Promise<void> => {
  const kept = db.deleteFrom('api_answers').where('token', '=', token);
  await kept.where('key', '=', key).execute();
};

/** Forgets plans, answers and jobs that were begun before `beforeMs`. */
export async function pruneServing(db: LedgerDb, beforeMs: number): Promise<void> {
  await db.deleteFrom('api_answers').where('at', '<', beforeMs).execute();
  await db.deleteFrom('api_plans').where('expires_at', '<', beforeMs).execute();
  await db.deleteFrom('api_jobs').where('begun_at', '<', beforeMs).execute();
}

/** An entry of the history, in the order in which everything was recorded. */
export interface RecordRow {
  /** Its place in the chain: grows, and has no gaps but those of a restored ledger. */
  readonly seq: number;
  readonly source: string;
  readonly at: number;
  readonly kind: string;
  readonly host: string | null;
  readonly account: string | null;
  readonly text: string;
}

/** Decisions and events after the place `seq`, oldest first. */
export const readRecords = async (
  db: LedgerDb,
  seq: number,
  limit: number,
): Promise<RecordRow[]> => {
  const { rows } = await sql<RecordRow>`SELECT c.seq, c.source,
      coalesce(h.at, e.at) AS at, coalesce(h.type, e.kind) AS kind,
      coalesce(h.host, e.host) AS host, coalesce(h.account, e.account) AS account,
      coalesce(h.reason, e.text) AS text
    FROM chain c
    LEFT JOIN history h ON c.source = 'history' AND h.id = c."row"
    LEFT JOIN events e ON c.source = 'events' AND e.id = c."row"
    WHERE c.seq > ${seq} ORDER BY c.seq LIMIT ${limit}`.execute(db);
  return rows;
};

/** The place of the last entry; 0: there is none. */
export const lastRecord = async (db: LedgerDb): Promise<number> => {
  const { rows } = await sql<{ seq: number | null }>`SELECT max(seq) AS seq FROM chain`.execute(db);
  return rows[0]?.seq ?? 0;
};

/** Changes whenever somebody else has written: on a server, to anything there. */
export const ledgerVersion = async (db: LedgerDb): Promise<string> => {
  const text =
    engineOf(db) === 'sqlite'
      ? 'PRAGMA data_version'
      : 'SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS data_version';
  const { rows } = await sql.raw<{ data_version: number | string }>(text).execute(db);
  return String(rows[0]?.data_version ?? '');
};
