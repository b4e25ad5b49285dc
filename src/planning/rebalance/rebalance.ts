import type { PlacementPolicy } from '../../model/inventory.ts';
import { FlatFleet } from '../fleet/flat-fleet.ts';
import type { FleetView } from '../fleet/fleet-view.ts';
import { compileMovableLists } from '../fleet/movable-lists.ts';
import { MoveBound, scoreTolerance } from '../fleet/move-bound.ts';
import type { RebalancePlan } from './rebalance-plan.ts';
import { explainMoves, listBlockers, summarise } from './rebalance-words.ts';
import { type FoundMoves, WindowSearch } from './window-search.ts';

export interface RebalanceOptions {
  /**
   * Points that the spread has to come down to. Default: the threshold less {@link targetMargin},
   * so that the next reading does not trigger again.
   */
  readonly targetSpread?: number;
  /** Default: the policy's `maxMigrations`. */
  readonly maxMoves?: number;
}

/** Points between the spread that triggers a rebalance and the one that it aims at. */
export const targetMargin = 2;

/** Improvements below are noise and worth no move, points. */
const leastImprovement = 0.1;

/**
 * The fewest moves that bring the spread (highest less lowest load score over the hosts that are
 * up) down to the target when it is over the policy's threshold, then the smallest spread for that
 * many. Where the target is out of reach within `maxMoves`: the smallest spread that this number of
 * moves reaches. Pinned accounts and those that moved within `cooldownMs` stay.
 */
export function planRebalance(
  view: FleetView,
  policy: PlacementPolicy,
  options: RebalanceOptions = {},
): RebalancePlan {
  const maxMoves = options.maxMoves ?? policy.maxMigrations;
  const targetSpread = options.targetSpread ?? Math.max(0, policy.threshold - targetMargin);
  const fleet = new FlatFleet(view, policy);
  const spreadBefore = fleet.spread();
  const base = { threshold: policy.threshold, targetSpread, maxMoves, spreadBefore };
  if (spreadBefore <= policy.threshold + scoreTolerance) {
    const balanced = {
      verdict: 'balanced' as const,
      moves: [],
      lowerBound: 0,
      spreadAfter: spreadBefore,
      blockers: [],
    };
    return { ...base, ...balanced, summary: summarise({ ...base, ...balanced }) };
  }
  const lists = compileMovableLists(fleet);
  const bound = new MoveBound(fleet, lists);
  const lowerBound = bound.forWidth(targetSpread).moves;
  const found = search(new WindowSearch(fleet, lists, bound), base);
  const moves = explainMoves(fleet, found.moves);
  const isReached = found.spread <= targetSpread + scoreTolerance;
  const plan = {
    ...base,
    verdict: isReached
      ? ('planned' as const)
      : moves.length > 0
        ? ('partial' as const)
        : ('blocked' as const),
    moves,
    lowerBound: Number.isFinite(lowerBound) ? lowerBound : null,
    spreadAfter: found.spread,
    blockers: isReached ? [] : listBlockers(fleet, found.moves, targetSpread),
  };
  return { ...plan, summary: summarise(plan) };
}

interface Limits {
  readonly targetSpread: number;
  readonly maxMoves: number;
  readonly spreadBefore: number;
}

function search(
  windows: WindowSearch,
  { targetSpread, maxMoves, spreadBefore }: Limits,
): FoundMoves {
  const enough = windows.fewestMoves(targetSpread, maxMoves);
  if (enough !== null) return windows.tighten(enough);
  return (
    windows.closest(maxMoves, targetSpread, spreadBefore - leastImprovement) ?? {
      moves: [],
      spread: spreadBefore,
    }
  );
}
