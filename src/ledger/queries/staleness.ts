import { FleetError } from '../../model/errors.ts';
import type { LedgerDb } from '../ledger.ts';
import { fixedQuery } from '../prepared-query.ts';
import { readMeta } from './meta.ts';

const staleKey = 'stale-since';

/** Why the ledger is known to be an old copy; null: it is not. */
export const readStaleness = (db: LedgerDb): Promise<string | null> => readMeta(db, staleKey);

/**
 * From here on the ledger may only look, until it has been rebuilt from the hosts. Durable; the
 * first reason stands.
 */
export async function markStale(db: LedgerDb, reason: string): Promise<void> {
  await db
    .insertInto('meta')
    .values({ key: staleKey, value: reason })
    .onConflict((c) => c.doNothing())
    .execute();
}

const unsureKey = 'unsure-since';

/**
 * Why the ledger may have forgotten something although it may act: it was restored, adopted, took
 * over a host, or does not agree with what is kept outside
 * of it. null: every epoch that was ever begun is in it. Ended by a survey in which every known
 * host answered and none knew more.
 */
export const readDoubt = (db: LedgerDb): Promise<string | null> => readMeta(db, unsureKey);

export async function markDoubt(db: LedgerDb, reason: string): Promise<void> {
  await db
    .insertInto('meta')
    .values({ key: unsureKey, value: reason })
    .onConflict((c) => c.doNothing())
    .execute();
}

export async function clearDoubt(db: LedgerDb): Promise<void> {
  await db.deleteFrom('meta').where('key', '=', unsureKey).execute();
}

export async function clearStaleness(db: LedgerDb): Promise<void> {
  await db.deleteFrom('meta').where('key', '=', staleKey).execute();
}

/** What an old copy is told that wants to act (docs/exclusivity.md, row 9). */
export const staleError = (reason: string): FleetError =>
  new FleetError('ledger-stale', `this ledger is an old copy and read-only: ${reason}`, {
    hint:
      'use the newest copy where there is one; otherwise rebuild this one from what the ' +
      'hosts know: fleet adopt',
  });

/** The highest serial that a run of this ledger has taken; 0: none. */
export async function lastSerial(db: LedgerDb): Promise<number> {
  return Number((await highestSerial(db))[0]?.serial ?? 0);
}

const highestSerial = fixedQuery((db) =>
  db.selectFrom('runs').select((e) => e.fn.max('serial').as('serial')),
);
