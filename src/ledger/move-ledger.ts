import { FleetError } from '../model/errors.ts';
import { ledgerPlaceText } from '../model/ledger-place.ts';
import { type ArrivalPlace, placeChanged } from './engines/arrival.ts';
import { type CopiedTables, copyRows } from './engines/copy-rows.ts';
import type { PostgresAccess } from './engines/engine.ts';
import { markText, type Standing } from './engines/ledger-mark.ts';
import type { Ledger } from './ledger.ts';
import { migrations } from './migrations/all.ts';

export type { ArrivalPlace, Standing };
export { markText };

/** The name of a place, as marks and messages have it. */
export const placeName = (where: string | PostgresAccess): string =>
  typeof where === 'string' ? where : ledgerPlaceText(where.place);

/** The file or the database as a place where a ledger is, or may come to be. */
export async function arrivalPlace(where: string | PostgresAccess): Promise<ArrivalPlace> {
  if (typeof where !== 'string') {
    const { postgresPlace } = await import('./engines/postgres/postgres-arrival.ts');
    return postgresPlace(where, migrations);
  }
  const { sqlitePlace } = await import('./engines/sqlite/sqlite-arrival.ts');
  return sqlitePlace(where, migrations);
}

/** One move, as it was planned. */
export interface LedgerMove {
  /** Names it; used once. */
  readonly id: string;
  readonly to: string | PostgresAccess;
  /** What was in that place when it was planned. */
  readonly before: Standing;
  /** Where that goes. */
  readonly aside: string;
}

/**
 * Moves the ledger, whose run lock the caller has. In this order: nobody else writes to it any
 * more; the copy is whole and on the disk there, marked so that it may not act; the ledger is
 * marked as moved, which is one commit; the copy's mark is taken away. So there is never more than
 * one that may act. Errors: `ledger-*` and `plan-stale`. After any of them the same move, begun
 * anew, goes on: where the ledger is not marked it is in charge as before.
 */
export async function moveLedger(
  source: Ledger,
  { id, to, before, aside }: LedgerMove,
): Promise<CopiedTables> {
  const place = await arrivalPlace(to);
  const name = placeName(to);
  const mark = markText({ place: source.place, move: id });
  const accept = (now: Standing): void => {
    if (!isSame(before, now)) throw placeChanged(name);
  };
  const dropsOld = before.kind === 'arriving' || (before.kind === 'empty' && !before.hasTables);
  try {
    const copied = await source.db.transaction().execute(async (from) => {
      await source.markMoved(from, markText({ place: name, move: id }));
      const tables: CopiedTables[] = [];
      const fill: Parameters<ArrivalPlace['arrive']>[0]['fill'] = async (target) => {
        tables.push(await copyRows(from, target));
      };
      await place.arrive({ mark, accept, aside, dropsOld, fill });
      return tables[0] ?? new Map();
    });
    await endMove(place, mark, name);
    return copied;
  } catch (error) {
    throw source.useError(error);
  }
}

/** Ledgers in between count as the same place in the same state. */
const isSame = (before: Standing, now: Standing): boolean =>
  before.kind === now.kind &&
  (before.kind === 'empty' ||
    now.kind === 'empty' ||
    (before.authorityId === now.authorityId &&
      before.serial === now.serial &&
      before.entries === now.entries &&
      before.mark?.move === now.mark?.move));

/**
 * The last act, once the ledger that was left is marked: the one at `place` may act. Whoever ends
 * the same move a second time changes nothing.
 */
export async function endMove(place: ArrivalPlace, mark: string, name: string): Promise<void> {
  if (await place.end(mark)) return;
  const standing = await place.standing();
  if (standing.kind === 'in-charge' || standing.kind === 'moved') return;
  throw new FleetError('ledger-corrupt', `ledger ${name}: the ledger that came there is gone`, {
    hint: 'the one that it came from has everything, and says so: keep both, bring back a backup',
  });
}
