import * as z from 'zod';
import type { PlacedAccount } from '../../ledger/queries/accounts.ts';
import { readMeta, writeMeta } from '../../ledger/queries/meta.ts';
import { listOpenMoves } from '../../ledger/queries/moves.ts';
import { countAddressChanges } from '../../ledger/queries/records.ts';
import { FleetError } from '../../model/errors.ts';
import { movesIdle } from '../../ownership/old-owner.ts';
import { type DecisionInput, decide } from '../../planning/advice/decision-input.ts';
import type { FleetView } from '../../planning/fleet/fleet-view.ts';
import { type DamperState, dampen, undamped } from '../../planning/rebalance/damper.ts';
import { addressWindowMs, restrictVoluntary } from '../../planning/rebalance/voluntary.ts';
import type { FleetContext } from '../context.ts';
import type { HostReading } from '../hosts/read-samples.ts';
import {
  type Gathered,
  gather,
  isMovable,
  moveOf,
  type PreparedMoves,
  prepare,
} from './plan-moves.ts';

export interface RebalanceWishes {
  /** Points; null: the inventory's. */
  readonly threshold: number | null;
  readonly maxMigrations: number | null;
  /** Follows the measurements slowly: for runs from cron, which nobody looks at. */
  readonly isSteady: boolean;
}

export interface PreparedRebalance extends PreparedMoves {
  /** What a steady rebalance remembers of this evaluation; null: it was none. */
  readonly damper: DamperState | null;
}

/**
 * The fewest moves that bring the load scores together again. Errors: `placement` when some host
 * has not been measured for long enough.
 */
export async function planRebalanceMoves(
  context: FleetContext,
  wishes: RebalanceWishes,
): Promise<PreparedRebalance> {
  const gathered = await gather(context);
  const { placement, rebalance } = context.inventory;
  refuseThinData(gathered.readings, rebalance.measuredForMs);
  const policy = {
    ...placement,
    threshold: wishes.threshold ?? placement.threshold,
    maxMigrations: wishes.maxMigrations ?? placement.maxMigrations,
  };
  const damped = wishes.isSteady
    ? dampen(await readDamper(context), gathered.view, policy, rebalance)
    : null;
  const none = { verb: 'rebalance' as const, cordon: null, staying: [], input: null };
  if (damped !== null && damped.verdict !== 'act') {
    const plan = {
      ...none,
      moves: [],
      summary: `nothing to do (${damped.verdict}): ${damped.reason}`,
      lowerBound: null,
      spreadBefore: null,
      spreadAfter: null,
    };
    return { ...(await prepare(context, gathered, plan)), damper: damped.state };
  }
  const changes = await countAddressChanges(context.ledger.db, context.now() - addressWindowMs);
  const view = restrictVoluntary(
    await holdStill(context, gathered, damped?.view ?? gathered.view),
    rebalance,
    changes,
  );
  const input = { planner: 'rebalance', view, policy } as const satisfies DecisionInput;
  const found = decide(input);
  const moves = found.moves.map((move) =>
    moveOf(gathered.accounts.get(move.account), 'rebalance', move.to, move.reason, {
      ...move,
      score: move.toScoreBefore,
    }),
  );
  const { summary, lowerBound, spreadBefore, spreadAfter } = found;
  const plan = { ...none, moves, input, summary, lowerBound, spreadBefore, spreadAfter };
  return { ...(await prepare(context, gathered, plan)), damper: damped?.state ?? null };
}

/** Who is on the way, or may not leave, counts where it is and stays there. */
async function holdStill(
  { ledger }: FleetContext,
  { accounts }: Gathered,
  view: FleetView,
): Promise<FleetView> {
  const busy = new Set((await listOpenMoves(ledger.db)).map(({ account }) => account));
  const stays = (name: string, row: PlacedAccount | undefined): boolean =>
    busy.has(name) ||
    (row !== undefined &&
      row.host !== null &&
      (!isMovable(row) || movesIdle(row.state, row.wanted === 1)));
  return {
    ...view,
    accounts: view.accounts.map((account) =>
      stays(account.name, accounts.get(account.name))
        ? { ...account, pinnedTo: account.host }
        : account,
    ),
  };
}

/**
 * A host that was measured for a moment only says nothing about its load. One that does not answer
 * takes no part anyway.
 */
function refuseThinData(readings: readonly HostReading[], measuredForMs: number): void {
  const window =
    measuredForMs === 0
      ? 'now'
      : measuredForMs <= 60_000
        ? 'm1'
        : measuredForMs <= 300_000
          ? 'm5'
          : 'm15';
  const thin = readings.filter(
    ({ sample, problem }) =>
      problem === null && sample !== null && sample.cpu.busyRatio[window] === null,
  );
  if (thin.length === 0) return;
  const names = thin.map(({ host }) => host.name).join(', ');
  throw new FleetError(
    'placement',
    `not measured for ${measuredForMs / 60_000} min yet: ${names}`,
    {
      hint: 'wait a little; rebalance.measured_for in the inventory says how long',
      problems: thin.map(
        ({ host, sample }) =>
          `${host.name}: its agent runs since ` +
          `${new Date(sample?.agent.startedAtMs ?? 0).toISOString()}`,
      ),
    },
  );
}

const smoothed = z.record(z.string(), z.object({ cpuCores: z.number(), memoryBytes: z.number() }));
const damperSchema = z.object({
  atMs: z.number().nullable(),
  hosts: smoothed,
  accounts: smoothed,
  badReadings: z.number(),
  restUntilMs: z.number().nullable(),
});

const damperKey = 'damper';

async function readDamper({ ledger }: FleetContext): Promise<DamperState> {
  const text = await readMeta(ledger.db, damperKey);
  return text === null ? undamped : damperSchema.parse(JSON.parse(text));
}

/** Only for an evaluation that counts: not for a dry run, and not when its moves were declined. */
export const rememberDamper = ({ ledger }: FleetContext, state: DamperState): Promise<void> =>
  writeMeta(ledger.db, damperKey, JSON.stringify(state));
