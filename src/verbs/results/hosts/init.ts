import type { HostInitOutcome } from '../../../workflows/init/init.ts';

/** A host's outcome for programs. */
export const initData = ({ error, ...outcome }: HostInitOutcome): Record<string, unknown> => ({
  ...outcome,
  problem: error?.message ?? null,
});
