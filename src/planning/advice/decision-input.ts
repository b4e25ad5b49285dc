import type { PlacementPolicy } from '../../model/inventory.ts';
import type { AccountName, HostName } from '../../model/names.ts';
import type { FleetView } from '../fleet/fleet-view.ts';
import { type PlacementOptions, planPlacement } from '../placement/placement.ts';
import type { PlacementPlan } from '../placement/placement-plan.ts';
import { planRebalance } from '../rebalance/rebalance.ts';
import type { RebalancePlan } from '../rebalance/rebalance-plan.ts';

/**
 * All that a decision is made from. JSON-able; the same input gives the same decision, for ever.
 */
export type DecisionInput =
  | {
      readonly planner: 'placement';
      readonly view: FleetView;
      readonly names: readonly AccountName[];
      readonly policy: PlacementPolicy;
      readonly options: PlacementOptions;
    }
  | { readonly planner: 'rebalance'; readonly view: FleetView; readonly policy: PlacementPolicy };

type PlanOf<I extends DecisionInput> = I extends { readonly planner: 'placement' }
  ? PlacementPlan
  : RebalancePlan;

/** Makes the decision. */
export function decide<I extends DecisionInput>(input: I): PlanOf<I> {
  const plan =
    input.planner === 'placement'
      ? planPlacement(input.view, input.names, input.policy, input.options)
      : planRebalance(input.view, input.policy);
  return plan as PlanOf<I>;
}

/**
 * What a recorded decision can be compared by: the host, and the load scores at that moment (of
 * both hosts for a rebalance), points.
 */
export interface Verdict {
  readonly host: HostName;
  readonly scores: readonly number[];
}

/**
 * Makes the decision about one account again. null: this planner leaves the account where it is.
 */
export function replay(input: DecisionInput, account: AccountName): Verdict | null {
  if (input.planner === 'placement') {
    const decision = decide(input).placements.find((each) => each.account === account);
    return decision === undefined
      ? null
      : { host: decision.host, scores: [decision.scoreBefore.total, decision.scoreAfter.total] };
  }
  const move = decide(input).moves.find((each) => each.account === account);
  return move === undefined
    ? null
    : {
        host: move.to,
        scores: [move.fromScoreBefore, move.fromScoreAfter, move.toScoreBefore, move.toScoreAfter],
      };
}
