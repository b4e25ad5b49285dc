import { randomUUID } from 'node:crypto';
import {
  highestEpoch,
  listAccounts,
  type PlacedAccount,
  setWanted,
} from '../../ledger/queries/accounts.ts';
import { saveDecisionInput } from '../../ledger/queries/decision-inputs.ts';
import { advanceMove, insertMove, listOpenMoves } from '../../ledger/queries/moves.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import type { MoveRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import type { Strategy } from '../../model/inventory.ts';
import type { AccountName } from '../../model/names.ts';
import { type DecisionInput, decide } from '../../planning/advice/decision-input.ts';
import type { PlacementPlan } from '../../planning/placement/placement-plan.ts';
import type { FleetContext } from '../context.ts';
import { readFleetView } from '../hosts/read-fleet-view.ts';
import type { HostReading } from '../hosts/read-samples.ts';
import { grantAccounts } from '../ownership/grant.ts';
import type { GrantOutcome } from '../ownership/grant-outcome.ts';

/** What `fleet allocate` will do. The object that is shown is the object that is executed. */
export interface AllocationPlan {
  readonly placement: PlacementPlan;
  /** What `placement` was made from. */
  readonly input: DecisionInput;
  /** Moves that an earlier run left open; they are carried on first, where they were going. */
  readonly resumed: readonly MoveRow[];
  /**
   * Accounts that their own host holds since its boot, and gives back after everybody was asked.
   */
  readonly heldHere: readonly {
    readonly account: string;
    readonly keyId: string;
    readonly host: string;
  }[];
  readonly readings: readonly HostReading[];
  /** By account name. */
  readonly keyIds: ReadonlyMap<string, string>;
}

/**
 * Chooses hosts for accounts that have none. `names` null: all that are in the vault and that
 * nobody has stopped; to name one is to want it. Errors: `usage` for an unknown
 * account, naming all of them.
 */
export async function planAllocation(
  context: FleetContext,
  names: readonly string[] | null,
  strategy: Strategy | null,
): Promise<AllocationPlan> {
  const { view, readings, accounts } = await readFleetView(context, {
    maxAgeMs: context.inventory.placement.sampleMaxAgeMs,
  });
  const chosen = names === null ? accounts : accounts.filter(({ name }) => names.includes(name));
  refuseUnknown(names ?? [], accounts);
  const chosenNames = new Set(chosen.map(({ name }) => name));
  const allOpen = await listOpenMoves(context.ledger.db);
  const open = allOpen.filter(
    ({ account, from_host }) => from_host === null && chosenNames.has(account),
  );
  // Who changes its host is given back by its move: fleet resume.
  const changing = new Set(
    allOpen.filter(({ from_host }) => from_host !== null).map(({ account }) => account),
  );
  const resumed = open.filter(({ phase }) => phase !== 'planned');
  const inFlight = new Set(resumed.map(({ account }) => account));
  const isChosen = ({ wanted }: PlacedAccount): boolean => names !== null || wanted === 1;
  const homeless = chosen.filter(
    (account) =>
      account.host === null &&
      account.state === 'stored' &&
      isChosen(account) &&
      !inFlight.has(account.name),
  );
  const input = {
    planner: 'placement',
    // A move that never got beyond its plan is planned again, from today's figures.
    view: {
      ...view,
      accounts: view.accounts.map((account) =>
        homeless.some(({ name }) => name === account.name) ? { ...account, host: null } : account,
      ),
    },
    names: homeless.map(({ name }) => name as AccountName),
    policy: context.inventory.placement,
    options: strategy === null ? {} : { strategy },
  } as const satisfies DecisionInput;
  return {
    placement: decide(input),
    input,
    resumed,
    heldHere: chosen
      .filter(
        (account) => !inFlight.has(account.name) && !changing.has(account.name) && isHeld(account),
      )
      .map(({ name, key_id, host }) => ({ account: name, keyId: key_id, host: host ?? '' })),
    readings,
    keyIds: new Map(accounts.map(({ name, key_id }) => [name, key_id])),
  };
}

const isHeld = (account: PlacedAccount): boolean =>
  account.state === 'held' && account.host !== null && account.wanted === 1;

function refuseUnknown(names: readonly string[], accounts: readonly PlacedAccount[]): void {
  const unknown = names.filter((name) => !accounts.some((account) => account.name === name));
  if (unknown.length === 0) return;
  throw new FleetError('usage', `no such account: ${unknown.join(', ')}`, {
    hint: 'fleet accounts list shows those that were imported',
  });
}

/** Nothing to carry out, though perhaps accounts that no host takes. */
export const isEmptyPlan = (plan: AllocationPlan): boolean =>
  plan.placement.placements.length === 0 && plan.resumed.length === 0 && plan.heldHere.length === 0;

/**
 * Journals the plan, then carries it out together with what an earlier run left open. Interrupted
 * anywhere and called again with a fresh plan, it
 * converges; an account is never started twice. One outcome per account that was planned or
 * resumed, by name.
 */
export async function executeAllocation(
  context: FleetContext,
  run: Run,
  plan: AllocationPlan,
): Promise<GrantOutcome[]> {
  const { db } = context.ledger;
  const moves = await db.transaction().execute(async (transaction) => {
    const stale = (await listOpenMoves(transaction)).filter(
      ({ phase, from_host }) => phase === 'planned' && from_host === null,
    );
    for (const move of stale)
      await advanceMove(transaction, move, 'aborted', context.now(), 'planned again');
    const inputHash =
      plan.placement.placements.length === 0
        ? null
        : await saveDecisionInput(transaction, plan.input, context.now());
    const added = stillTrue(
      newMoves(plan, inputHash),
      await listAccounts(transaction),
      await listOpenMoves(transaction),
    );
    for (const move of added) {
      const epoch = (await highestEpoch(transaction, move.key_id)) + 1;
      await insertMove(transaction, {
        ...move,
        id: randomUUID(),
        from_host: null,
        epoch,
        created_at: context.now(),
      });
      await setWanted(transaction, move.account, true);
    }
    const ours = new Set([...plan.resumed, ...added].map(({ account }) => account));
    const open = (await listOpenMoves(transaction)).filter(
      ({ account, from_host }) => from_host === null && ours.has(account),
    );
    return open.sort((one, other) => (one.account < other.account ? -1 : 1));
  });
  return grantAccounts(context, run, moves);
}

/**
 * Another command may have placed an account, or begun to move it, since the plan was made: a first
 * placement of it would never end, because it has an
 * owner. Those are left out.
 */
function stillTrue(
  moves: readonly NewMove[],
  accounts: readonly PlacedAccount[],
  open: readonly MoveRow[],
): NewMove[] {
  const now = new Map(accounts.map((account) => [account.name, account]));
  const busy = new Set(open.map(({ account }) => account));
  return moves.filter(({ account, kind, to_host }) => {
    const row = now.get(account);
    if (row === undefined || busy.has(account)) return false;
    return kind === 'initial' ? row.host === null && row.state === 'stored' : row.host === to_host;
  });
}

type NewMove = Pick<MoveRow, 'account' | 'key_id' | 'kind' | 'to_host' | 'decision_json'>;

function newMoves(plan: AllocationPlan, inputHash: string | null): NewMove[] {
  const placed = plan.placement.placements.map((decision): NewMove => {
    const recorded = { ...decision, score: decision.scoreBefore.total, inputHash };
    const key_id = plan.keyIds.get(decision.account) ?? '';
    return {
      account: decision.account,
      key_id,
      kind: 'initial',
      to_host: decision.host,
      decision_json: JSON.stringify(recorded),
    };
  });
  const given = plan.heldHere.map(({ account, keyId, host }): NewMove => {
    const recorded = {
      account,
      host,
      score: null,
      strategy: null,
      reason: `${host} held it after a boot; every known host was asked before it was given back`,
    };
    return {
      account,
      key_id: keyId,
      kind: 'manual',
      to_host: host,
      decision_json: JSON.stringify(recorded),
    };
  });
  return [...placed, ...given];
}
