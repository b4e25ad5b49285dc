import { sql } from 'kysely';
import type { LedgerDb } from '../ledger.ts';
import { fixedQuery, preparedQuery } from '../prepared-query.ts';
import type { HistoryRow, NewHistory } from '../schema.ts';

/** One decision, for ever. A second record of the same move is no act. */
export async function recordHistory(db: LedgerDb, entry: NewHistory): Promise<void> {
  await db
    .insertInto('history')
    .values(entry)
    .onConflict((c) => c.column('move_id').doNothing())
    .execute();
}

export interface HistoryFilter {
  readonly account?: string;
  readonly host?: string;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly limit: number;
}

/** Newest first, at most `limit`. */
export async function readHistory(db: LedgerDb, filter: HistoryFilter): Promise<HistoryRow[]> {
  let query = db
    .selectFrom('history')
    .selectAll()
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(filter.limit);
  if (filter.account !== undefined) query = query.where('account', '=', filter.account);
  if (filter.host !== undefined) query = query.where('host', '=', filter.host);
  if (filter.sinceMs !== undefined) query = query.where('at', '>=', filter.sinceMs);
  if (filter.untilMs !== undefined) query = query.where('at', '<=', filter.untilMs);
  return query.execute();
}

/** How often each account has changed its host since `sinceMs`, by name. */
export async function countAddressChanges(
  db: LedgerDb,
  sinceMs: number,
): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('history')
    .select((e) => ['account', e.fn.countAll<number>().as('changes')])
    .where('at', '>=', sinceMs)
    .whereRef('from_host', '!=', 'host')
    .groupBy('account')
    .execute();
  return new Map(rows.map(({ account, changes }) => [account, Number(changes)]));
}

/** Every grant that was recorded, oldest first. */
export const readGrants = (db: LedgerDb): Promise<Pick<HistoryRow, 'at' | 'account' | 'host'>[]> =>
  db.selectFrom('history').select(['at', 'account', 'host']).orderBy('id').execute();

/**
 * Keeps one sample of a host as the agent sent it (already validated). Later ones are of a clock
 * that was ahead: this one is the newest.
 */
export async function recordSample(
  db: LedgerDb,
  host: string,
  takenAtMs: number,
  sampleJson: string,
): Promise<void> {
  await dropLaterSamples(db, { host, takenAtMs });
  await insertSample(db, { host, takenAtMs, sampleJson });
}

const dropLaterSamples = preparedQuery<{ host: string; takenAtMs: number }>((db, value) =>
  db
    .deleteFrom('samples')
    .where('host', '=', value('host'))
    .where('taken_at', '>', value('takenAtMs')),
);

const insertSample = preparedQuery<{ host: string; takenAtMs: number; sampleJson: string }>(
  (db, value) =>
    db
      .insertInto('samples')
      .values({
        host: value('host'),
        taken_at: value('takenAtMs'),
        sample_json: value('sampleJson'),
      })
      .onConflict((c) =>
        c.columns(['host', 'taken_at']).doUpdateSet({ sample_json: value('sampleJson') }),
      ),
);

/** The newest sample of a host that was taken before `beforeMs`; undefined: there is none. */
export const sampleBefore = async (
  db: LedgerDb,
  host: string,
  beforeMs: number,
): Promise<string | undefined> =>
  (
    await db
      .selectFrom('samples')
      .select('sample_json')
      .where('host', '=', host)
      .where('taken_at', '<', beforeMs)
      .orderBy('taken_at', 'desc')
      .limit(1)
      .executeTakeFirst()
  )?.sample_json;

/**
 * The newest sample of each host that has one: one look into the index per host, however many
 * samples are kept.
 */
export const latestSamples = fixedQuery<{ host: string; taken_at: number; sample_json: string }>(
  (db) =>
    db
      .selectFrom('hosts')
      .innerJoin('samples', 'samples.host', 'hosts.name')
      .where('samples.taken_at', '=', (e) =>
        e
          .selectFrom('samples as newest')
          .select(({ fn }) => fn.max('newest.taken_at').as('at'))
          .whereRef('newest.host', '=', 'hosts.name'),
      )
      .select(['samples.host', 'samples.taken_at', 'samples.sample_json']),
);

/** The last sample of every host in each day (UTC) since `sinceMs`. */
export async function dailySamples(
  db: LedgerDb,
  sinceMs: number,
): Promise<{ host: string; taken_at: number; sample_json: string }[]> {
  const days = db
    .selectFrom('samples')
    .select(({ fn }) => ['host as day_host', fn.max('taken_at').as('day_at')])
    .where('taken_at', '>=', sinceMs)
    .groupBy(['host', sql`taken_at / 86400000`])
    .as('days');
  return db
    .selectFrom(days)
    .innerJoin('samples', (join) =>
      join
        .onRef('samples.host', '=', 'days.day_host')
        .onRef('samples.taken_at', '=', 'days.day_at'),
    )
    .select(['samples.host', 'samples.taken_at', 'samples.sample_json'])
    .execute();
}

/** Removes samples taken before `beforeMs`. Returns how many. */
export async function pruneSamples(db: LedgerDb, beforeMs: number): Promise<number> {
  const result = await db.deleteFrom('samples').where('taken_at', '<', beforeMs).executeTakeFirst();
  return Number(result.numDeletedRows);
}
