import { claimsMutants } from './claims-mutants.ts';
import { contactMutants } from './contact-mutants.ts';
import { hostMutants } from './host-mutants.ts';
import { movesMutants } from './moves-mutants.ts';
import type { Mutant } from './mutant.ts';
import { rebootMutants } from './reboot-mutants.ts';
import { workflowsMutants } from './workflows-mutants.ts';

/**
 * Besides those of `test/simulator/mutants.ts`, which change what the simulated product does at its
 * borders.
 */
export const mutants: readonly Mutant[] = [
  ...claimsMutants,
  ...contactMutants,
  ...hostMutants,
  ...movesMutants,
  ...rebootMutants,
  ...workflowsMutants,
];
