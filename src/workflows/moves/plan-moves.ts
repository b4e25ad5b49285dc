import { createHash } from 'node:crypto';
import type { LedgerDb } from '../../ledger/ledger.ts';
import { listAccounts, type PlacedAccount } from '../../ledger/queries/accounts.ts';
import { listHosts } from '../../ledger/queries/hosts.ts';
import { listOpenMoves } from '../../ledger/queries/moves.ts';
import type { MoveRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import type { Inventory, PlacementPolicy } from '../../model/inventory.ts';
import type { AccountName } from '../../model/names.ts';
import { movesIdle } from '../../ownership/old-owner.ts';
import { detached } from '../../ownership/phases.ts';
import { type DecisionInput, decide } from '../../planning/advice/decision-input.ts';
import type { FleetView } from '../../planning/fleet/fleet-view.ts';
import type { PlacementPlan } from '../../planning/placement/placement-plan.ts';
import type { FleetContext } from '../context.ts';
import { endingCommandOf } from '../hosts/ending-command.ts';
import { readFleetView } from '../hosts/read-fleet-view.ts';
import type { HostReading } from '../hosts/read-samples.ts';
import { requireAccount } from '../ownership/account-acts.ts';
import { movableStates } from '../ownership/move-decision.ts';
import type { MovePlan, PlannedMove } from './plan-file.ts';

/**
 * What a command is about to do. `plan` is shown, saved and executed as it is; `resumed` are moves
 * of earlier runs, which go first.
 */
export interface PreparedMoves {
  readonly plan: MovePlan;
  readonly resumed: readonly MoveRow[];
}

export interface Gathered {
  readonly view: FleetView;
  readonly readings: readonly HostReading[];
  readonly accounts: ReadonlyMap<string, PlacedAccount>;
  /** Open changes of owner, oldest first. */
  readonly open: readonly MoveRow[];
}

export async function gather(context: FleetContext): Promise<Gathered> {
  const { view, readings } = await readFleetView(context, {
    maxAgeMs: context.inventory.placement.sampleMaxAgeMs,
  });
  // Read again: the samples have just brought the states up to date.
  const accounts = await listAccounts(context.ledger.db);
  const open = (await listOpenMoves(context.ledger.db)).filter(isChange);
  return {
    view,
    readings,
    accounts: new Map(accounts.map((account) => [account.name, account])),
    open,
  };
}

/** From one host to another. */
export const isChange = ({ from_host, to_host }: MoveRow): boolean =>
  from_host !== null && to_host !== detached;

/**
 * A digest of all that a plan rests on but the load: owners and epochs, open moves, hosts and their
 * cordons, the inventory's hosts, accounts and rules.
 * Equal marks: the plan still means what it said.
 */
export async function fleetMark(db: LedgerDb, inventory: Inventory): Promise<string> {
  const accounts = (await listAccounts(db)).map(
    ({ name, key_id, host, epoch, wanted, pinned_to }) => [
      name,
      key_id,
      host,
      epoch,
      wanted,
      pinned_to,
    ],
  );
  const moves = (await listOpenMoves(db)).map(({ id, phase, to_host, epoch }) => [
    id,
    phase,
    to_host,
    epoch,
  ]);
  const hosts = (await listHosts(db)).map((row) => [
    row.name,
    row.instance_id,
    row.release === null,
    row.cordoned,
    row.destroyed_at,
  ]);
  const rules = [
    inventory.fleet,
    inventory.placement,
    inventory.hosts,
    inventory.accounts,
    inventory.accountDefaults,
  ];
  return createHash('sha256')
    .update(JSON.stringify([accounts, moves, hosts, rules]))
    .digest('hex');
}

export async function prepare(
  context: FleetContext,
  { open }: Gathered,
  plan: Omit<MovePlan, 'format' | 'fleet' | 'authorityId' | 'mark' | 'madeAt'>,
  isResumed: (move: MoveRow) => boolean = () => true,
): Promise<PreparedMoves> {
  const { ledger, inventory } = context;
  const mark = await fleetMark(ledger.db, inventory);
  const about = {
    format: 1,
    fleet: inventory.fleet,
    authorityId: ledger.authorityId,
    mark,
    madeAt: new Date(context.now()).toISOString(),
  } as const;
  return { plan: { ...about, ...plan }, resumed: open.filter(isResumed) };
}

/**
 * The fields of a move that the ledger knows; throws for an account that cannot change its host
 * now.
 */
export function moveOf(
  account: PlacedAccount | undefined,
  kind: PlannedMove['kind'],
  to: string,
  reason: string,
  details: object,
): PlannedMove {
  const state = movableStates.find((movable) => movable === account?.state);
  if (account?.host == null || account.epoch === null || state === undefined) {
    throw new FleetError(
      'bug',
      `${account?.name ?? 'an account'} cannot be moved (${account?.state ?? 'unknown'})`,
      {
        hint: 'please report this',
      },
    );
  }
  return {
    ...{
      account: account.name,
      keyId: account.key_id,
      from: account.host,
      fromEpoch: account.epoch,
      to,
      kind,
      reason,
    },
    ...{
      idle: movesIdle(state, account.wanted === 1),
      stateBefore: state,
      reasonBefore: account.state_reason,
    },
    details: { ...details },
  };
}

/**
 * The operator's own move. The target has to be one that the planner would allow. Errors: `usage`
 * (unknown names, no owner), `in-doubt` (an open
 * move), `placement` with the rule that forbids it.
 */
export async function planMove(
  context: FleetContext,
  name: string,
  host: string,
): Promise<PreparedMoves> {
  const account = await requireAccount(context, name);
  if (!context.inventory.hosts.some((candidate) => candidate.name === host))
    throw new FleetError('usage', `no such host: ${host}`, {
      host,
      hint: 'fleet hosts list shows the known ones',
    });
  if (account.host === null)
    throw new FleetError('usage', `${name} is on no host`, {
      account: name,
      hint: `place it first: fleet allocate ${name}`,
    });
  const gathered = await gather(context);
  const own = (move: MoveRow): boolean => move.account === name;
  const open = (await listOpenMoves(context.ledger.db)).find(own);
  const rest = {
    verb: 'move' as const,
    input: null,
    spreadBefore: null,
    spreadAfter: null,
    staying: [],
    cordon: null,
  };
  const empty = { ...rest, lowerBound: 0, moves: [] };
  if (open !== undefined && (open.to_host !== host || !isChange(open))) {
    throw new FleetError('in-doubt', `${name} is on its way to ${open.to_host} (${open.phase})`, {
      account: name,
      hint: `let that end first: ${endingCommandOf(open)}`,
    });
  }
  if (open !== undefined)
    return prepare(
      context,
      gathered,
      { ...empty, summary: `${name} is on its way to ${host} already` },
      own,
    );
  if (account.host === host)
    return prepare(context, gathered, { ...empty, summary: `${name} is on ${host} already` }, own);
  const { decision, input } = placeOn(
    gathered.view,
    name as AccountName,
    host,
    context.inventory.placement,
  );
  const move = moveOf(
    gathered.accounts.get(name),
    'manual',
    host,
    `the operator moved it from ${account.host}`,
    decision,
  );
  const summary = `1 move, by the operator; it changes the IP address of ${name}`;
  return prepare(
    context,
    gathered,
    { ...empty, summary, lowerBound: 1, moves: [move], input },
    own,
  );
}

/** The account on that one host, judged by every hard rule. Pure. Errors: `placement`. */
export function placeOn(
  view: FleetView,
  name: AccountName,
  host: string,
  policy: PlacementPolicy,
): { decision: object; input: DecisionInput } {
  const hosts = view.hosts.map((other) =>
    other.name === host || other.state !== 'up'
      ? other
      : { ...other, state: 'cordoned' as const, stateReason: 'not the one that was asked for' },
  );
  const accounts = view.accounts.map((account) =>
    account.name === name ? { ...account, host: null } : account,
  );
  const options = { detail: 'each-host' } as const;
  const input = {
    planner: 'placement',
    view: { ...view, hosts, accounts },
    names: [name],
    policy,
    options,
  } as const satisfies DecisionInput;
  const { placements, unplaced } = decide(input);
  const [decision] = placements;
  if (decision !== undefined)
    return {
      decision: { ...decision, score: decision.scoreBefore.total, runnersUp: [], refusals: [] },
      input,
    };
  const refusal = unplaced[0]?.refusals.find((candidate) => candidate.host === host);
  throw new FleetError(
    'placement',
    `${host} cannot take ${name}: ${refusal?.message ?? unplaced[0]?.reason ?? 'unknown'}`,
    {
      account: name,
      host,
      hint: `fleet why-not ${name} HOST explains others`,
    },
  );
}

/**
 * Everybody leaves the host, which is cordoned first. Errors: `usage`, and what keeps the host from
 * answering.
 */
export async function planDrain(context: FleetContext, host: string): Promise<PreparedMoves> {
  if (!context.inventory.hosts.some((candidate) => candidate.name === host))
    throw new FleetError('usage', `no such host: ${host}`, {
      host,
      hint: 'fleet hosts list shows the known ones',
    });
  const gathered = await gather(context);
  const problem = gathered.readings.find((reading) => reading.host.name === host)?.problem;
  if (problem) throw problem;
  const view: FleetView = {
    ...gathered.view,
    hosts: gathered.view.hosts.map((other) =>
      other.name === host ? { ...other, state: 'draining', stateReason: 'being drained' } : other,
    ),
  };
  const busy = new Set((await listOpenMoves(context.ledger.db)).map(({ account }) => account));
  const leaving = [...gathered.accounts.values()].filter(
    (account) => account.host === host && !busy.has(account.name) && isMovable(account),
  );
  const names = leaving.map(({ name }) => name as AccountName);
  const input = {
    planner: 'placement',
    view,
    names,
    policy: context.inventory.placement,
    options: {},
  } as const satisfies DecisionInput;
  const placement = decide(input);
  const moves = placement.placements.map((decision) =>
    moveOf(gathered.accounts.get(decision.account), 'drain', decision.host, decision.reason, {
      ...decision,
      score: decision.scoreBefore.total,
    }),
  );
  const fromHere = ({ from_host }: MoveRow): boolean => from_host === host;
  return prepare(
    context,
    gathered,
    { verb: 'drain', cordon: host, moves, input, ...drainWords(host, placement) },
    fromHere,
  );
}

export const isMovable = ({ state }: PlacedAccount): boolean =>
  movableStates.some((movable) => movable === state);

function drainWords(
  host: string,
  { placements, unplaced, spreadBefore, spreadAfter }: PlacementPlan,
) {
  const all = placements.length + unplaced.length;
  const staying = unplaced.map(({ account, reason, refusals }) => ({
    account,
    reason,
    problems: refusals.map((refusal) => `${refusal.host}: ${refusal.message}`),
  }));
  const left = unplaced.length === 0 ? '' : `; ${unplaced.length} cannot leave`;
  const summary =
    all === 0
      ? `nothing to do: ${host} owns no accounts that could leave`
      : `${placements.length === 1 ? '1 move' : `${placements.length} moves`} empty ${host}; ` +
        `no plan can do it in fewer than ${all}${left}`;
  return { summary, lowerBound: all, spreadBefore, spreadAfter, staying };
}
