import { randomUUID } from 'node:crypto';
import {
  highestEpoch,
  type PlacedAccount,
  raiseEpoch,
  setAccountState,
} from '../../ledger/queries/accounts.ts';
import { saveDecisionInput } from '../../ledger/queries/decision-inputs.ts';
import { recordEvent } from '../../ledger/queries/events.ts';
import { ensureHosts, listHosts, recordDestroyed, recordOff } from '../../ledger/queries/hosts.ts';
import { advanceMove, correctMove, insertMove, listOpenMoves } from '../../ledger/queries/moves.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import type { HostRow, MoveRow } from '../../ledger/schema.ts';
import { FleetError, isUnreachable } from '../../model/errors.ts';
import type { AccountName } from '../../model/names.ts';
import { isExpectedAway } from '../../ownership/announced-reboot.ts';
import { detached } from '../../ownership/phases.ts';
import type { HostStatement } from '../../ownership/safe-moment.ts';
import { type DecisionInput, decide } from '../../planning/advice/decision-input.ts';
import type { PlacementPlan } from '../../planning/placement/placement-plan.ts';
import type { FleetContext } from '../context.ts';
import { readFleetView } from '../hosts/read-fleet-view.ts';
import { shutOutOf } from '../hosts/shut-out.ts';
import { grantAccounts } from '../ownership/grant.ts';
import type { GrantOutcome } from '../ownership/grant-outcome.ts';
import { type HostMark, requireUnseen, safeMomentOf } from '../ownership/host-statement.ts';
import { readDecision } from '../ownership/move-decision.ts';

/** What `fleet failover` will do. The object that is shown is the object that is executed. */
export interface FailoverPlan {
  readonly host: string;
  readonly statement: HostStatement;
  /** The host as it was when this was planned: heard of since then, it is not failed over. */
  readonly mark: HostMark;
  readonly placement: PlacementPlan;
  /** What `placement` was made from. */
  readonly input: DecisionInput;
  /**
   * When the state that an account will continue from was taken, ms since the epoch; null: none is
   * kept, it starts with an empty one.
   */
  readonly statesTakenAtMs: ReadonlyMap<string, number | null>;
  /**
   * Failovers that an earlier run left open: of that host, and of any when the account is at its
   * new host already.
   */
  readonly resumed: readonly MoveRow[];
  /**
   * Moves to that host or from it that have stopped nothing which still runs, or ended there: they
   * are dropped.
   */
  readonly dropped: readonly MoveRow[];
  /** Accounts whose move has gone too far to be dropped; they wait for `fleet resume`. */
  readonly underWay: readonly MoveRow[];
  readonly keyIds: ReadonlyMap<string, string>;
}

/**
 * Until when the operator has to wait before the statement can be believed, ms since the epoch; 0:
 * now. Errors: `usage` for an unknown host.
 */
export async function earliestFailover(
  context: FleetContext,
  name: string,
  statement: HostStatement,
): Promise<number> {
  const row = await findHost(context, name);
  // A statement that was accepted stands until the host answers again; so a run that was killed
  // goes on at once.
  return statement !== 'powered-off' || row.off_at !== null ? 0 : fencedUntil(context, name);
}

async function readHosts({ inventory, ledger }: FleetContext): Promise<HostRow[]> {
  await ensureHosts(
    ledger.db,
    inventory.hosts.map((host) => host.name),
  );
  return listHosts(ledger.db);
}

const findHost = async (context: FleetContext, name: string): Promise<HostRow> =>
  rowOf(await readHosts(context), name);

function rowOf(rows: readonly HostRow[], name: string): HostRow {
  const row = rows.find((host) => host.name === name);
  if (row === undefined)
    throw new FleetError('usage', `no such host: ${name}`, {
      hint: 'fleet hosts list shows the known ones',
    });
  return row;
}

/**
 * Chooses hosts for everything that the silent host owns. Errors: `usage`, and `claim-refused` when
 * the host answers.
 */
export async function planFailover(
  context: FleetContext,
  name: string,
  statement: HostStatement,
): Promise<FailoverPlan> {
  const rows = await readHosts(context);
  const mark = rowOf(rows, name);
  refuseAnnounced(context, mark, statement);
  await refuseIfAnswering(context, name, rows);
  const { view, accounts } = await readFleetView(context, {
    maxAgeMs: context.inventory.placement.sampleMaxAgeMs,
  });
  const open = await listOpenMoves(context.ledger.db);
  const touching = open.filter(
    ({ account, to_host }) =>
      to_host === name || accounts.some((each) => each.name === account && each.host === name),
  );
  const resumed = [
    ...touching.filter(
      ({ kind, phase, to_host }) => kind === 'failover' && phase === 'staged' && to_host !== name,
    ),
    // Their accounts are where they go already; only that they came online was not seen.
    ...open.filter(
      ({ kind, phase, to_host }) => kind === 'failover' && phase === 'granted' && to_host !== name,
    ),
  ];
  const isDropped = (move: MoveRow): boolean =>
    // Of a host that answers, a staged move may have closed the gate; of the silent one, that no
    // longer matters.
    move.phase === 'planned' ||
    (move.phase === 'staged' && move.from_host === name) ||
    isHalted(move, name) ||
    isConsumed(move, name);
  const dropped = touching.filter((move) => isDropped(move) && !resumed.includes(move));
  const underWay = touching.filter((move) => !resumed.includes(move) && !dropped.includes(move));
  const goesOn = new Set([...resumed, ...underWay].map(({ account }) => account));
  const arriving = new Set(
    dropped.filter((move) => isHalted(move, name)).map(({ account }) => account),
  );
  // One that nobody owns as far as is known may have been started there all the same.
  const isLeaving = (account: PlacedAccount): boolean =>
    account.host === name || (account.host === null && arriving.has(account.name));
  const leaving = accounts.filter((account) => isLeaving(account) && !goesOn.has(account.name));
  const names = leaving.map((account) => account.name as AccountName);
  const lost = { state: 'dead', stateReason: statement } as const;
  const withoutHost = {
    ...view,
    hosts: view.hosts.map((host) => (host.name === name ? { ...host, ...lost } : host)),
    // A move that is dropped counts where the account is, not where it was going.
    accounts: view.accounts.map((account) =>
      names.includes(account.name) ? { ...account, host: name as typeof account.host } : account,
    ),
  };
  const input = {
    planner: 'placement',
    view: withoutHost,
    names,
    policy: context.inventory.placement,
    options: {},
  } as const satisfies DecisionInput;
  return {
    host: name,
    statement,
    mark,
    placement: decide(input),
    input,
    statesTakenAtMs: new Map(
      await Promise.all(
        accounts.filter(({ host }) => host === name).map((account) => stateAge(context, account)),
      ),
    ),
    resumed,
    dropped,
    underWay,
    keyIds: new Map(accounts.map((account) => [account.name, account.key_id])),
  };
}

/**
 * It was about to start there without having an owner; whether the silent host heard the grant is
 * not known.
 */
const isHalted = ({ from_host, to_host, phase }: MoveRow, name: string): boolean =>
  phase === 'staged' && from_host === null && to_host === name;

/**
 * It has arrived at the silent host, which has not said how it fares, or was on its way back to it:
 * what was released is kept, so others can have it.
 */
const isConsumed = ({ from_host, to_host, phase, decision_json }: MoveRow, name: string): boolean =>
  to_host === name &&
  (phase === 'granted' ||
    (phase === 'released' && from_host !== null && readDecision({ decision_json }).isBack));

async function stateAge(
  context: FleetContext,
  { name, key_id }: PlacedAccount,
): Promise<[string, number | null]> {
  const state = await context.states.get(name as AccountName);
  return [name, state?.keyId === key_id ? state.takenAtMs : null];
}

/**
 * In the middle of an announced reboot a machine is off, too, and comes back by itself: a fence
 * that finds it off proves nothing.
 */
function refuseAnnounced(
  context: FleetContext,
  { name, announced_until }: HostRow,
  statement: HostStatement,
): void {
  if (
    statement !== 'fenced' ||
    announced_until === null ||
    !isExpectedAway(announced_until, context.now())
  )
    return;
  throw new FleetError(
    'claim-refused',
    `the reboot of ${name} is announced until ${new Date(announced_until).toISOString()}`,
    {
      host: name,
      hint:
        'the host should come back by itself; if it does not, run this again after that ' +
        'time. If it never boots again: --destroyed',
    },
  );
}

/**
 * A host that answers is not off: what runs there is moved like anything else (docs/exclusivity.md,
 * row 11). Nor is one that answers other hosts: it has
 * shut this address out.
 */
async function refuseIfAnswering(
  context: FleetContext,
  name: string,
  rows: readonly HostRow[],
): Promise<void> {
  const host = context.inventory.hosts.find((each) => each.name === name);
  if (host === undefined) return;
  const own = context
    .remoteFor(host)
    .connect()
    .then(
      () => 'it answers',
      (error: unknown) => {
        if (!(error instanceof FleetError)) throw error;
        return isUnreachable(error) ? null : error.message;
      },
    );
  // At the same time, so that a dead host costs no second time-out; both are waited for, because
  // connections end with the command.
  const [answer, shutOut] = await Promise.all([own, shutOutOf(context, host, rows)]);
  const refusal = answer ?? shutOut?.message ?? null;
  if (refusal === null) return;
  throw new FleetError('claim-refused', `${name} is not switched off: ${refusal}`, {
    host: name,
    hint:
      answer === null && shutOut !== null
        ? shutOut.hint
        : `move its accounts in order, while it runs: fleet drain ${name}`,
  });
}

/**
 * Carries the plan out: the statement and the moves go into the journal together, then every other
 * known host is asked, the silent one is tried once more,
 * and each account is granted at a higher epoch, with the last state that is known of it.
 * Interrupted anywhere, the same command goes on. The host
 * itself is told by the next sweep that meets it. Outcomes in the order of the plan.
 */
export async function executeFailover(
  context: FleetContext,
  run: Run,
  plan: FailoverPlan,
): Promise<GrantOutcome[]> {
  const { db } = context.ledger;
  const statedMs = context.now();
  const moves = await db.transaction().execute(async (transaction) => {
    const row = await requireUnseen(transaction, plan.host, plan.mark);
    // Asked before the operator agreed, too; the clock may have been set since.
    if (
      plan.statement === 'powered-off' &&
      row.off_at === null &&
      statedMs < safeMomentOf(context, row, statedMs)
    )
      throw tooEarly(plan.host);
    await recordOff(transaction, plan.host, plan.statement, statedMs);
    await recordEvent(transaction, {
      at: statedMs,
      kind: `host-${plan.statement}`,
      host: plan.host,
    });
    for (const move of plan.dropped) {
      const text = `${plan.host} is ${plan.statement}`;
      if (isConsumed(move, plan.host))
        await correctMove(
          transaction,
          move.id,
          move.phase === 'granted' ? 'done' : 'aborted',
          text,
          statedMs,
        );
      else await advanceMove(transaction, move, 'aborted', statedMs, text);
      // A grant may have been sent: whoever starts the account next does so above it.
      if (isHalted(move, plan.host)) await raiseEpoch(transaction, move.key_id, move.epoch);
      // It leaves the fleet no longer.
      if (move.to_host === detached)
        await setAccountState(transaction, move.account, 'offline', text, statedMs);
    }
    const ids: string[] = [];
    const inputHash =
      plan.placement.placements.length === 0
        ? null
        : await saveDecisionInput(transaction, plan.input, statedMs);
    for (const decision of plan.placement.placements) {
      const key_id = plan.keyIds.get(decision.account) ?? '';
      const reason = `${plan.host} is ${plan.statement}; ${decision.reason}`;
      const decision_json = JSON.stringify({
        ...decision,
        reason,
        score: decision.scoreBefore.total,
        statement: plan.statement,
        inputHash,
      });
      const highest = Math.max(
        await highestEpoch(transaction, key_id),
        ...plan.dropped.map((move) => (move.key_id === key_id ? move.epoch : 0)),
      );
      const id = randomUUID();
      ids.push(id);
      await insertMove(transaction, {
        ...{
          id,
          account: decision.account,
          key_id,
          kind: 'failover',
          from_host: null,
          to_host: decision.host,
        },
        ...{ epoch: highest + 1, decision_json, created_at: statedMs },
      });
    }
    const open = await listOpenMoves(transaction);
    return [...plan.resumed, ...ids.flatMap((id) => open.find((move) => move.id === id) ?? [])];
  });
  const outcomes = await grantAccounts(context, run, moves);
  if (plan.statement === 'destroyed') await recordDestroyed(db, plan.host, context.now());
  return outcomes;
}

const tooEarly = (host: string): FleetError =>
  new FleetError('claim-refused', `${host} cannot count as switched off yet`, {
    host,
    hint: `keep it off, and run: fleet failover ${host} --powered-off --wait-until-safe`,
  });

/**
 * Switches the host off and waits until that is confirmed. Whatever it does from now on it does
 * after a boot, for which it may need no operator until
 * `hold.after` since its last contact has passed: so it has to stay off. Errors: `fence`, `usage`
 * for a host without a fence.
 */
export async function fenceHost(context: FleetContext, name: string): Promise<void> {
  const host = context.inventory.hosts.find((each) => each.name === name);
  if (host === undefined)
    throw new FleetError('usage', `no such host: ${name}`, {
      hint: 'fleet hosts list shows the known ones',
    });
  context.report({ kind: 'phase', text: `switching ${name} off` });
  await context.fence.switchOff(host);
}

/**
 * Until when a host that was fenced must not be switched on again, ms since the epoch: a boot
 * before that starts its accounts by itself.
 */
export async function fencedUntil(context: FleetContext, name: string): Promise<number> {
  const row = await findHost(context, name);
  return safeMomentOf(context, row, context.now());
}
