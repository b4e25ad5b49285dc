import type { HostSpec } from '../../model/inventory.ts';
import { patchStep } from '../../steps/patch.ts';
import {
  type HostNames,
  hostSupportStep,
  identityStep,
  ledgerStep,
} from '../../steps/preflight.ts';
import { type Caller, compileProgram } from '../../steps/program.ts';
import type { HostInitPlan } from './init-plan.ts';

/** The program that upgrades one host's packages; run like those of `fleet init`. Pure. */
export function planPatch(
  host: HostSpec,
  options: {
    readonly check: boolean;
    readonly isSecurity: boolean;
    readonly library: string;
    readonly names: HostNames;
    readonly caller: Caller;
  },
): HostInitPlan {
  const { check, isSecurity, library, names, caller } = options;
  const steps = [
    hostSupportStep(host.allowUnsupportedOs),
    ledgerStep(),
    identityStep(names),
    patchStep(isSecurity),
  ];
  const program = compileProgram(steps, {
    mode: check ? 'check' : 'apply',
    diff: false,
    library,
    caller,
  });
  return { host, steps: steps.map(({ id, title }) => ({ id, title })), program };
}
