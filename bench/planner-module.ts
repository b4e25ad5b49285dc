import type { Instance, InstancePlan } from './benchmark-format.ts';
import { planFor } from './benchmark-format.ts';

/** Plans one instance at a time and remembers nothing. */
// biome-ignore lint/style/noDefaultExport: the benchmark loads a planner by its default export
export default function plan(instance: Instance): InstancePlan {
  return planFor(instance);
}
