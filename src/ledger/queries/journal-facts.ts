import { sql } from 'kysely';
import { detached } from '../../ownership/phases.ts';
import type { JournalFacts } from '../../ownership/roster.ts';
import type { LedgerDb } from '../ledger.ts';
import { fixedQuery } from '../prepared-query.ts';
import { listOpenMoves } from './moves.ts';

/**
 * What a roster is built from. Four short reads; none of them may be older than the last phase that
 * was journaled.
 */
export async function readJournalFacts(db: LedgerDb): Promise<JournalFacts> {
  const placements = await listPlacedKeys(db);
  const openMoves = await listOpenMoves(db);
  const givenUp = await listKeysGivenUp(db);
  const unowned = await listUnownedKeys(db);
  return {
    // Without the move that granted it, a claim cannot be told from another of its epoch.
    placements: placements.map(({ key_id, host, epoch, move_id }) => ({
      keyId: key_id,
      host,
      epoch,
      moveId: move_id || 'unknown',
    })),
    openMoves: openMoves.map(({ id, key_id, from_host, to_host, epoch, phase }) => ({
      ...{ id, keyId: key_id, from: from_host, to: to_host, epoch, phase },
    })),
    givenUp: givenUp.map(({ key_id, epoch }) => ({ keyId: key_id, epoch: Number(epoch) })),
    unowned: unowned.map(({ key_id, epoch }) => ({ keyId: key_id, epoch: Number(epoch) })),
  };
}

const listPlacedKeys = fixedQuery<{ key_id: string; host: string; epoch: number; move_id: string }>(
  (db) =>
    db
      .selectFrom('placements')
      .innerJoin('accounts', 'accounts.name', 'placements.account')
      .select(['accounts.key_id', 'placements.host', 'placements.epoch', 'placements.move_id']),
);

/** In the text of the query: for values beside it SQLite would plan all of it anew each time. */
const listKeysGivenUp = fixedQuery<{ key_id: string; epoch: number }>((db) =>
  db
    .selectFrom('moves')
    .select((e) => ['key_id', e.fn.max('epoch').as('epoch')])
    .where('phase', '=', sql.lit('done'))
    .where('to_host', '=', sql.lit(detached))
    .groupBy('key_id'),
);

/** Few accounts have no owner: from them to their moves. */
const listUnownedKeys = fixedQuery<{ key_id: string; epoch: number }>((db) =>
  db
    .selectFrom('accounts')
    .leftJoin('placements', 'placements.account', 'accounts.name')
    .innerJoin('moves', 'moves.key_id', 'accounts.key_id')
    .select((e) => ['accounts.key_id', e.fn.max('moves.epoch').as('epoch')])
    .where('placements.account', 'is', null)
    .where('moves.phase', '=', sql.lit('done'))
    .where('moves.to_host', '!=', sql.lit(detached))
    .groupBy('accounts.key_id'),
);
