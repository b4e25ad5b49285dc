import type { AccountState } from '../../model/account-state.ts';
import {
  keptEvent,
  type LedgerEvent,
  readEvent,
  type UnreadEvent,
} from '../../model/events/event.ts';
import type { LedgerDb } from '../ledger.ts';
import { preparedQuery } from '../prepared-query.ts';
import type { EventRow } from '../schema.ts';
import { setAccountState } from './accounts.ts';

/** An event with its time, ms since the epoch. */
export type NewEvent = LedgerEvent & { readonly at: number };
export type RecordedEvent = (LedgerEvent | UnreadEvent) & {
  readonly id: number;
  readonly at: number;
};

/** The one place where an event comes into the ledger. */
export async function recordEvent(db: LedgerDb, { at, ...event }: NewEvent): Promise<void> {
  // Without its time it is the event itself; the compiler takes apart no union.
  await insertEvent(db, { at, ...keptEvent(event as LedgerEvent) });
}

const insertEvent = preparedQuery<Omit<EventRow, 'id'>>((db, value) =>
  db.insertInto('events').values({
    at: value('at'),
    kind: value('kind'),
    host: value('host'),
    account: value('account'),
    text: value('text'),
  }),
);

/** A row of the ledger as the event that it keeps. Pure. */
const eventOfRow = ({ id, at, ...kept }: EventRow): RecordedEvent => ({
  id,
  at,
  ...readEvent(kept),
});

export interface EventFilter {
  readonly account?: string;
  readonly host?: string;
  /** How their kinds begin: small letters and hyphens. */
  readonly kind?: string;
}

/** Newest first. */
export async function readEvents(
  db: LedgerDb,
  limit: number,
  { account, host, kind }: EventFilter = {},
): Promise<RecordedEvent[]> {
  let query = db
    .selectFrom('events')
    .selectAll()
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit);
  if (account !== undefined) query = query.where('account', '=', account);
  if (host !== undefined) query = query.where('host', '=', host);
  if (kind !== undefined) query = query.where('kind', 'like', `${kind}%`);
  return (await query.execute()).map(eventOfRow);
}

/** Those recorded after the one with this id, oldest first. */
export async function readEventsAfter(db: LedgerDb, id: number): Promise<RecordedEvent[]> {
  const rows = await db
    .selectFrom('events')
    .selectAll()
    .where('id', '>', id)
    .orderBy('id')
    .execute();
  return rows.map(eventOfRow);
}

/** Events about accounts' and hosts' states, oldest first. */
export async function readStateEvents(db: LedgerDb): Promise<RecordedEvent[]> {
  const rows = await db
    .selectFrom('events')
    .selectAll()
    .where((e) => e.or([e('kind', 'like', 'account-%'), e('kind', 'like', 'host-%')]))
    .orderBy('id')
    .execute();
  return rows.map(eventOfRow);
}

/** How an account stands, by the words of its worker or its host. */
export interface StateReport {
  readonly account: string;
  readonly host: string | null;
  readonly state: AccountState;
  readonly reason: string;
}

/**
 * The state of an account and the event that tells of it, dated `at`. False: it was in that state
 * already, and only the reason is kept. Out of the fleet (`detached`) nothing is reported: that has
 * an event of its own.
 */
export async function changeAccountState(
  db: LedgerDb,
  { account, host, state, reason }: StateReport,
  at: number,
): Promise<boolean> {
  if (!(await setAccountState(db, account, state, reason, at))) return false;
  if (state !== 'detached')
    await recordEvent(db, { at, kind: `account-${state}`, account, host, reason });
  return true;
}
