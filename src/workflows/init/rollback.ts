import type { HostSpec } from '../../model/inventory.ts';
import { hostSupportStep, ledgerStep } from '../../steps/preflight.ts';
import { type Caller, compileProgram } from '../../steps/program.ts';
import { rollbackStep } from '../../steps/rollback.ts';
import type { HostInitPlan } from './init-plan.ts';

/**
 * Programs that bring hosts back to the release that each had before; run like those of `fleet
 * init`. Pure.
 */
export function planRollback(
  hosts: readonly HostSpec[],
  options: { readonly check: boolean; readonly library: string; readonly caller?: Caller },
): HostInitPlan[] {
  return hosts.map((host) => {
    const steps = [hostSupportStep(host.allowUnsupportedOs), ledgerStep(), rollbackStep()];
    const program = compileProgram(steps, {
      mode: options.check ? 'check' : 'apply',
      diff: false,
      library: options.library,
      reportStale: true,
      ...(options.caller === undefined ? {} : { caller: options.caller }),
    });
    return { host, steps: steps.map(({ id, title }) => ({ id, title })), program };
  });
}
