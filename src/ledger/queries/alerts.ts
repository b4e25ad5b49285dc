import type { Alert } from '../../alerts/alert.ts';
import type { Message } from '../../alerts/message.ts';
import type { Outgoing } from '../../alerts/outbox.ts';
import type { Silence } from '../../alerts/silence.ts';
import type { LedgerDb } from '../ledger.ts';
import type { AlertChannelRow, AlertMessageRow, HistoryRow } from '../schema.ts';
import { type RecordedEvent, readEventsAfter } from './events.ts';
import { readMeta, writeMeta } from './meta.ts';

/** By key. */
export async function listAlerts(db: LedgerDb): Promise<Alert[]> {
  const rows = await db.selectFrom('alerts').select('alert_json').orderBy('key').execute();
  return rows.map(({ alert_json }) => JSON.parse(alert_json) as Alert);
}

/** Keeps exactly these. */
export async function saveAlerts(db: LedgerDb, alerts: readonly Alert[]): Promise<void> {
  await db.deleteFrom('alerts').execute();
  const rows = alerts.map((alert) => ({
    key: alert.key,
    state: alert.state,
    alert_json: JSON.stringify(alert),
  }));
  for (let from = 0; from < rows.length; from += 200)
    await db
      .insertInto('alerts')
      .values(rows.slice(from, from + 200))
      .execute();
}

const toOutgoing = ({
  id,
  route_json,
  message_json,
  attempts,
  next_try_at,
  problem,
}: AlertMessageRow): Outgoing => ({
  id,
  route: JSON.parse(route_json) as readonly string[],
  message: JSON.parse(message_json) as Message,
  attempts,
  isRefused: problem !== null,
  nextTryAt: next_try_at,
});

/** Undelivered messages, oldest first. */
export async function waitingMessages(db: LedgerDb): Promise<Outgoing[]> {
  const rows = await db
    .selectFrom('alert_messages')
    .selectAll()
    .where('delivered_at', 'is', null)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  return rows.map(toOutgoing);
}

export async function insertMessage(
  db: LedgerDb,
  route: readonly string[],
  message: Message,
): Promise<void> {
  const row = {
    id: message.id,
    created_at: message.at,
    route_json: JSON.stringify(route),
    message_json: JSON.stringify(message),
    next_try_at: message.at,
  };
  await db
    .insertInto('alert_messages')
    .values({ ...row, attempts: 0, problem: null, delivered_at: null, delivered_by: null })
    .execute();
}

/** Without items it goes to nobody any more. */
export async function changeMessage(db: LedgerDb, { id, message }: Outgoing): Promise<void> {
  if (message.items.length === 0)
    await db.deleteFrom('alert_messages').where('id', '=', id).execute();
  else
    await db
      .updateTable('alert_messages')
      .set({ message_json: JSON.stringify(message) })
      .where('id', '=', id)
      .execute();
}

/** From now on somebody may have it, whatever was refused before. */
export async function recordTry(db: LedgerDb, id: string): Promise<void> {
  await db.updateTable('alert_messages').set({ problem: null }).where('id', '=', id).execute();
}

export async function recordDelivery(
  db: LedgerDb,
  id: string,
  channel: string,
  nowMs: number,
): Promise<void> {
  await db
    .updateTable('alert_messages')
    .set({ delivered_at: nowMs, delivered_by: channel })
    .where('id', '=', id)
    .execute();
}

export async function recordRefusal(
  db: LedgerDb,
  id: string,
  attempts: number,
  nextTryAt: number,
  problem: string,
): Promise<void> {
  await db
    .updateTable('alert_messages')
    .set({ attempts, next_try_at: nextTryAt, problem })
    .where('id', '=', id)
    .execute();
}

/** Delivered messages, newest first. */
export const sentMessages = (db: LedgerDb, limit: number): Promise<AlertMessageRow[]> =>
  db
    .selectFrom('alert_messages')
    .selectAll()
    .where('delivered_at', 'is not', null)
    .orderBy('delivered_at', 'desc')
    .limit(limit)
    .execute();

export async function pruneMessages(db: LedgerDb, beforeMs: number): Promise<void> {
  await db.deleteFrom('alert_messages').where('delivered_at', '<', beforeMs).execute();
}

/** Oldest first, ended ones left out. */
export async function listSilences(db: LedgerDb, nowMs: number): Promise<Silence[]> {
  const rows = await db
    .selectFrom('alert_silences')
    .selectAll()
    .where('until', '>', nowMs)
    .orderBy('id')
    .execute();
  return rows.map(({ created_at, ...row }) => ({ ...row, createdAt: created_at }));
}

/** Its id. */
export async function addSilence(
  db: LedgerDb,
  { createdAt, ...silence }: Omit<Silence, 'id'>,
): Promise<number> {
  const { id } = await db
    .insertInto('alert_silences')
    .values({ ...silence, created_at: createdAt })
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

/** Whether there was such a silence that had not ended. */
export async function endSilence(db: LedgerDb, id: number, nowMs: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('alert_silences')
    .set({ until: nowMs })
    .where('id', '=', id)
    .where('until', '>', nowMs)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

const cursorKey = 'alerts-told';

export interface Fresh {
  readonly events: readonly RecordedEvent[];
  readonly history: readonly HistoryRow[];
}

/**
 * Events and decisions since the last call; the first one sees none. Inside the transaction that
 * tells them, so that each is told once.
 */
export async function takeFresh(db: LedgerDb): Promise<Fresh> {
  const last = async (table: 'events' | 'history'): Promise<number> =>
    (
      await db
        .selectFrom(table)
        .select(({ fn }) => fn.max<number | null>('id').as('id'))
        .executeTakeFirst()
    )?.id ?? 0;
  const [event, decision] = [await last('events'), await last('history')];
  const told = await readMeta(db, cursorKey);
  await writeMeta(db, cursorKey, JSON.stringify([event, decision]));
  if (told === null) return { events: [], history: [] };
  const [fromEvent = 0, fromDecision = 0] = JSON.parse(told) as readonly number[];
  return {
    events: await readEventsAfter(db, fromEvent),
    history: await db
      .selectFrom('history')
      .selectAll()
      .where('id', '>', fromDecision)
      .orderBy('id')
      .execute(),
  };
}

/** Channels that did not take the last thing that they were told, by name. */
export const failingChannels = (db: LedgerDb): Promise<AlertChannelRow[]> =>
  db.selectFrom('alert_channels').selectAll().orderBy('name').execute();

export async function recordChannelFailure(
  db: LedgerDb,
  row: Omit<AlertChannelRow, 'failing_since'>,
): Promise<void> {
  const { name, ...last } = row;
  await db
    .insertInto('alert_channels')
    .values({ ...row, failing_since: row.failed_at })
    .onConflict((c) => c.column('name').doUpdateSet(last))
    .execute();
}

export async function recordChannelWell(db: LedgerDb, name: string): Promise<void> {
  await db.deleteFrom('alert_channels').where('name', '=', name).execute();
}

/** Of each host the last sample taken before `beforeMs` and after `afterMs`. */
export const earlierSamples = (
  db: LedgerDb,
  afterMs: number,
  beforeMs: number,
): Promise<{ host: string; taken_at: number; sample_json: string }[]> =>
  db
    .selectFrom('hosts')
    .innerJoin('samples', 'samples.host', 'hosts.name')
    .where('samples.taken_at', '=', (e) =>
      e
        .selectFrom('samples as newest')
        .select(({ fn }) => fn.max('newest.taken_at').as('at'))
        .whereRef('newest.host', '=', 'hosts.name')
        .where('newest.taken_at', '>=', afterMs)
        .where('newest.taken_at', '<=', beforeMs),
    )
    .select(['samples.host', 'samples.taken_at', 'samples.sample_json'])
    .execute();
