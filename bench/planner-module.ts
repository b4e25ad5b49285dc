import { type DamperState, dampen, undamped } from '../src/planning/rebalance/damper.ts';
import { targetMargin } from '../src/planning/rebalance/rebalance.ts';
import {
  type Instance,
  type InstancePlan,
  planFor,
  planView,
  toPolicy,
  toView,
} from './benchmark-format.ts';

/** Plans one instance at a time and remembers nothing. */
// biome-ignore lint/style/noDefaultExport: the benchmark loads a planner by its default export
export default function plan(instance: Instance): InstancePlan {
  return planFor(instance);
}

/**
 * A planner that is asked every few minutes and remembers what it saw: the product's damper in
 * front of the product's planner.
 */
export function createPlanner(): { plan(instance: Instance): InstancePlan } {
  let state: DamperState = undamped;
  return {
    plan(instance) {
      const { policy, maxMoves } = toPolicy(instance);
      const damped = dampen(state, toView(instance), policy);
      state = damped.state;
      if (instance.op === 'rebalance' && damped.verdict !== 'act') {
        return { format: 'fleet-placement-plan/1', instance: instance.id, moves: [], unplaced: [] };
      }
      return planView(instance, damped.view, {
        policy,
        targetSpread: policy.threshold - targetMargin,
        maxMoves,
      });
    },
  };
}
