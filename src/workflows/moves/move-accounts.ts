import { randomUUID } from 'node:crypto';
import type { LedgerDb } from '../../ledger/ledger.ts';
import { findAccount, highestEpoch } from '../../ledger/queries/accounts.ts';
import { saveDecisionInput } from '../../ledger/queries/decision-inputs.ts';
import { setCordon } from '../../ledger/queries/hosts.ts';
import { advanceMove, findMove, insertMove, listOpenMoves } from '../../ledger/queries/moves.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import type { MoveRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import { errorBudget, hostMoveLimits, startable } from '../../ownership/schedule.ts';
import type { FleetContext } from '../context.ts';
import { formatDecisionJson } from '../ownership/move-decision.ts';
import { carryMove, type MoveOutcome } from './carry-move.ts';
import type { MovePlan, PlannedMove } from './plan-file.ts';
import { fleetMark, isChange, type PreparedMoves } from './plan-moves.ts';

/** Moves that earlier runs left open, oldest first. */
export const movesToResume = async (context: FleetContext): Promise<MoveRow[]> =>
  (await listOpenMoves(context.ledger.db)).filter(isChange);

/**
 * Refuses a plan that was made from another ledger, another fleet, or an older state of this one.
 * Errors: `plan-stale`, with what has changed for
 * the accounts of the plan.
 */
export async function requireFresh(
  context: FleetContext,
  plan: MovePlan,
  db: LedgerDb = context.ledger.db,
): Promise<void> {
  const { ledger, inventory } = context;
  const isOurs = plan.authorityId === ledger.authorityId && plan.fleet === inventory.fleet;
  if (isOurs && plan.mark === (await fleetMark(db, inventory))) return;
  const now = await Promise.all(
    plan.moves.map(async (move) => ({ move, account: await findAccount(db, move.account) })),
  );
  const problems = now
    .filter(({ move, account }) => account?.host !== move.from || account.epoch !== move.fromEpoch)
    .map(
      ({ move, account }) =>
        `${move.account}: the plan has it on ${move.from} at epoch ${move.fromEpoch}, it ` +
        `is on ${account?.host ?? 'no host'} at ${account?.epoch ?? 'none'}`,
    );
  throw new FleetError(
    'plan-stale',
    isOurs
      ? `the fleet has changed since the plan was made (${plan.madeAt})`
      : 'the plan was made from another ledger or fleet',
    {
      hint: 'make a new plan and look at it: fleet rebalance --save FILE',
      problems,
    },
  );
}

/**
 * Journals the plan as it is, then carries it out, moves of earlier runs first, within the limits
 * of hosts and fleet. One outcome per move, in that
 * order. After {@link errorBudget} failures, after `deadlineMs`, or after Ctrl-C, nothing new is
 * stopped: new moves that have not begun are taken out of the journal again,
 * those that have released their account are carried on to their end. Errors: `plan-stale`.
 */
export async function executeMoves(
  context: FleetContext,
  run: Run,
  { plan, resumed }: PreparedMoves,
  deadlineMs: number = Number.POSITIVE_INFINITY,
): Promise<MoveOutcome[]> {
  const added = await context.ledger.db.transaction().execute(async (transaction) => {
    await requireFresh(context, plan, transaction);
    if (plan.cordon !== null) await setCordon(transaction, plan.cordon, 'drained');
    const rows: MoveRow[] = [];
    const inputHash =
      plan.input === null ? null : await saveDecisionInput(transaction, plan.input, context.now());
    for (const move of plan.moves) rows.push(await journal(context, transaction, move, inputHash));
    return rows;
  });
  return carryMoves(context, run, [...resumed, ...added], deadlineMs);
}

async function journal(
  context: FleetContext,
  db: LedgerDb,
  move: PlannedMove,
  inputHash: string | null,
): Promise<MoveRow> {
  const {
    account,
    keyId,
    from,
    to,
    kind,
    reason,
    fromEpoch,
    idle,
    stateBefore,
    reasonBefore,
    details,
  } = move;
  const score = typeof details.score === 'number' ? details.score : null;
  const strategy = typeof details.strategy === 'string' ? details.strategy : null;
  const own = {
    inputHash,
    account,
    host: to,
    from,
    score,
    strategy,
    reason,
    fromEpoch,
    idle,
    stateBefore,
    reasonBefore,
  };
  const decision_json = formatDecisionJson({ ...details, ...own, isBack: false, releasedTo: null });
  const id = randomUUID();
  const epoch = Math.max(await highestEpoch(db, keyId), fromEpoch) + 1;
  await insertMove(db, {
    id,
    account,
    key_id: keyId,
    kind,
    from_host: from,
    to_host: to,
    epoch,
    decision_json,
    created_at: context.now(),
  });
  const row = await findMove(db, id);
  if (row === undefined)
    throw new FleetError('bug', `move ${id} vanished from the ledger`, {
      hint: 'please report this',
    });
  return row;
}

/**
 * Carries moves on from wherever each stands; none is begun after `deadlineMs` (ms since the
 * epoch). Outcomes in the order of `moves`.
 */
export async function carryMoves(
  context: FleetContext,
  run: Run,
  moves: readonly MoveRow[],
  deadlineMs: number = Number.POSITIVE_INFINITY,
): Promise<MoveOutcome[]> {
  const outcomes = new Map<string, MoveOutcome>();
  const underWay = new Map<string, { readonly row: MoveRow; readonly done: Promise<void> }>();
  let waiting = [...moves];
  let failures = 0;
  const limits = { fleet: context.inventory.concurrency, ...hostMoveLimits };
  const start = (row: MoveRow): void => {
    const done = carryMove(context, run, row).then((outcome) => {
      outcomes.set(row.id, outcome);
      underWay.delete(row.id);
      if (outcome.problem !== null) failures += 1;
    });
    underWay.set(row.id, { row, done });
  };
  for (;;) {
    if (!context.signal.aborted && failures < errorBudget && context.now() < deadlineMs) {
      const running = [...underWay.values()].map(({ row }) => ends(row));
      const chosen = new Set(startable(waiting.map(ends), running, limits).map(({ id }) => id));
      for (const row of waiting.filter(({ id }) => chosen.has(id))) start(row);
      waiting = waiting.filter(({ id }) => !chosen.has(id));
    }
    if (underWay.size === 0) break;
    await Promise.race([...underWay.values()].map(({ done }) => done));
  }
  const why =
    failures >= errorBudget
      ? `${failures} moves failed before it`
      : context.signal.aborted
        ? 'interrupted'
        : 'the deadline has passed';
  for (const row of waiting) outcomes.set(row.id, await leave(context, row, why));
  return moves.flatMap(({ id }) => outcomes.get(id) ?? []);
}

const ends = ({ id, from_host, to_host }: MoveRow) => ({ id, from: from_host ?? '', to: to_host });

/**
 * A move that was not begun: nothing was sent for it, so one that is only planned can be forgotten.
 */
async function leave(context: FleetContext, row: MoveRow, why: string): Promise<MoveOutcome> {
  const left =
    row.phase === 'planned'
      ? await advanceMove(context.ledger.db, row, 'aborted', context.now(), `not begun: ${why}`)
      : row;
  const hint = why.includes('failed')
    ? 'look at the first failures, then make a new plan'
    : 'run it again when you are ready';
  const problem = new FleetError(
    'interrupted',
    `${row.account} was not moved to ${row.to_host}: ${why}`,
    { account: row.account, hint },
  );
  const { account, to_host: to, phase } = left;
  const from = row.from_host ?? '';
  return {
    account,
    from,
    to,
    host: from,
    state: 'moving',
    phase,
    offlineMs: null,
    settledMs: null,
    problem,
  };
}
