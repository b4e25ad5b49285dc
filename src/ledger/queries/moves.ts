import { FleetError } from '../../model/errors.ts';
import { detached, isOpen, type MovePhase, mayFollow, routeOf } from '../../ownership/phases.ts';
import type { LedgerDb } from '../ledger.ts';
import { fixedQuery, hasChanged, preparedQuery } from '../prepared-query.ts';
import type { MoveRow } from '../schema.ts';

const openPhases: MovePhase[] = (
  ['planned', 'staged', 'released', 'granted', 'done', 'aborted'] as const
).filter(isOpen);

export async function insertMove(
  db: LedgerDb,
  move: Omit<MoveRow, 'phase' | 'problem' | 'updated_at'>,
): Promise<void> {
  await db
    .insertInto('moves')
    .values({ ...move, phase: 'planned', problem: null, updated_at: move.created_at })
    .execute();
}

/** Oldest first. */
export const listOpenMoves = fixedQuery<MoveRow>((db) =>
  db
    .selectFrom('moves')
    .selectAll()
    .where('phase', 'in', openPhases)
    .orderBy('created_at')
    .orderBy('id'),
);

export const findMove = (db: LedgerDb, id: string): Promise<MoveRow | undefined> =>
  db.selectFrom('moves').selectAll().where('id', '=', id).executeTakeFirst();

/** Every key that this ledger has ever sent to a host, also of accounts that were removed since. */
export const listMovedKeys = async (db: LedgerDb): Promise<string[]> =>
  (await movedKeys(db)).map(({ key_id }) => key_id);

const movedKeys = fixedQuery<{ key_id: string }>((db) =>
  db.selectFrom('moves').select('key_id').distinct(),
);

/**
 * Journals the next phase; on disk when it returns. Repeating the phase that is already recorded is
 * no act.
 * Throws `bug` when the phase may not follow, and `plan-stale` when another run has taken the move
 * elsewhere since it was read: what that run has
 * aborted must not come back to life.
 */
export async function advanceMove(
  db: LedgerDb,
  move: MoveRow,
  phase: MovePhase,
  nowMs: number,
  problem: string | null = null,
): Promise<MoveRow> {
  if (move.phase !== phase) refuseJump(move, phase);
  if (
    !hasChanged(await changePhase(db, { id: move.id, before: move.phase, phase, problem, nowMs }))
  )
    throw changedMeanwhile(move);
  return { ...move, phase, problem, updated_at: nowMs };
}

/** What a run is told whose move, or account, another run has taken elsewhere since it was read. */
export const changedMeanwhile = ({ account }: Pick<MoveRow, 'account'>): FleetError =>
  new FleetError(
    'plan-stale',
    `${account}: another fleet command has changed its move since this one began`,
    {
      hint: 'run this again: it continues where the other command stopped',
      account,
    },
  );

/**
 * Ends a move, once; false where another run has ended it or taken it elsewhere since it was read.
 * Comes first in a transaction: what goes with the end is written
 * only by who has ended it, because the account may have begun another life since.
 */
export async function closeMove(
  db: LedgerDb,
  move: MoveRow,
  problem: string | null,
  nowMs: number,
): Promise<boolean> {
  if (move.phase === 'done') return false;
  refuseJump(move, 'done');
  const closed = { phase: 'done', problem, updated_at: nowMs } as const;
  const result = await db
    .updateTable('moves')
    .set(closed)
    .where('id', '=', move.id)
    .where('phase', '=', move.phase)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

function refuseJump(
  { id, account, phase: before, from_host, to_host }: MoveRow,
  phase: MovePhase,
): void {
  if (mayFollow(routeOf(from_host, to_host), before, phase)) return;
  throw new FleetError('bug', `move ${id} of ${account}: ${phase} cannot follow ${before}`, {
    hint: 'please report this with the output of `fleet moves`',
    account,
  });
}

const changePhase = preparedQuery<{
  id: string;
  before: MovePhase;
  phase: MovePhase;
  problem: string | null;
  nowMs: number;
}>((db, value) =>
  db
    .updateTable('moves')
    .set({ phase: value('phase'), problem: value('problem'), updated_at: value('nowMs') })
    .where('id', '=', value('id'))
    .where('phase', 'in', [value('before'), value('phase')]),
);

/**
 * Another epoch for a move that has not been granted yet (the survey saw a higher one). Throws
 * `plan-stale` when another run has granted or ended it.
 */
export async function setMoveEpoch(
  db: LedgerDb,
  { id, account }: Pick<MoveRow, 'id' | 'account'>,
  epoch: number,
  nowMs: number,
): Promise<void> {
  const result = await db
    .updateTable('moves')
    .set({ epoch, updated_at: nowMs })
    .where('id', '=', id)
    .where('phase', 'in', ['planned', 'staged', 'released'])
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n) throw changedMeanwhile({ account });
}

/** The last epoch at which the key left the fleet, with its host's receipt; 0: it never did. */
export async function epochGivenUp(db: LedgerDb, keyId: string): Promise<number> {
  const moves = await db
    .selectFrom('moves')
    .select(['epoch', 'to_host', 'phase'])
    .where('key_id', '=', keyId)
    .execute();
  return Math.max(
    0,
    ...moves
      .filter(({ to_host, phase }) => to_host === detached && phase === 'done')
      .map(({ epoch }) => epoch),
  );
}

/** Why the move stands where it stands. */
export async function setMoveProblem(
  db: LedgerDb,
  id: string,
  problem: string | null,
  nowMs: number,
): Promise<void> {
  await db.updateTable('moves').set({ problem, updated_at: nowMs }).where('id', '=', id).execute();
}

/**
 * A released move that its target refused for good goes back to where it came from, at a higher
 * epoch. `decisionJson` says why. Throws `plan-stale`.
 */
export async function turnMove(
  db: LedgerDb,
  move: MoveRow,
  back: { readonly host: string; readonly epoch: number; readonly decisionJson: string },
  nowMs: number,
): Promise<MoveRow> {
  const changes = {
    to_host: back.host,
    epoch: back.epoch,
    decision_json: back.decisionJson,
    updated_at: nowMs,
  };
  const turned = await db
    .updateTable('moves')
    .set(changes)
    .where('id', '=', move.id)
    .where('phase', '=', 'released')
    .where('to_host', '=', move.to_host)
    .executeTakeFirst();
  if (turned.numUpdatedRows === 0n) throw changedMeanwhile(move);
  return { ...move, ...changes };
}

/** Puts a move where the hosts show that it stands, from whatever phase this ledger had it in. */
export async function correctMove(
  db: LedgerDb,
  id: string,
  phase: MovePhase,
  problem: string | null,
  nowMs: number,
): Promise<void> {
  await db
    .updateTable('moves')
    .set({ phase, problem, updated_at: nowMs })
    .where('id', '=', id)
    .execute();
}
