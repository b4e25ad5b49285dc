import type { ScalingAdvice } from '../../../planning/advice/scaling-advice.ts';

/** The same for programs. */
export const adviceData = ({ fullAtMs, ...advice }: ScalingAdvice): Record<string, unknown> => ({
  ...advice,
  fullAt: fullAtMs === null ? null : new Date(fullAtMs).toISOString(),
});
