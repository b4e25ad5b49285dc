import type { Command } from 'commander';
import { FleetError } from '../../model/errors.ts';
import { exitCode } from '../../verbs/exit-codes.ts';
import { outcomeData, planData, question } from '../../verbs/results/reboot.ts';
import { confirm } from '../confirm.ts';
import { withLock } from '../open-context.ts';
import type { CommandResult } from '../output.ts';
import { setAction } from '../run-command.ts';
import { printErr } from '../terminal.ts';
import { withinOption } from '../within-option.ts';

interface RebootFlags {
  readonly rolling?: boolean;
  readonly dryRun?: boolean;
  readonly within: number;
}

/** `fleet reboot HOST...`: maintenance that neither moves nor strands accounts. */
export function registerReboot(program: Command): void {
  const command = program
    .command('reboot [hosts...]')
    .description('reboot hosts; announced to them first, so that their accounts come online again without being asked for')
    .option('--rolling', 'one host at a time: the next one when the last is back with its accounts; without hosts: all')
    .addOption(withinOption('how long a host may be away: after it, its accounts wait for a sweep, and it may count as switched off'))
    .option('-n, --dry-run', 'show the plan and change nothing');
  setAction<RebootFlags>(command, async ({ options, args, signal }) => {
    const isRolling = options.rolling === true;
    if (args.length === 0 && options.limit.length === 0 && !isRolling)
      throw new FleetError('usage', 'name the hosts to reboot, or use --rolling for all of them, one at a time', {
        hint: 'for example: fleet reboot eu-1, or: fleet reboot --rolling --dry-run',
      });
    const [{ selectHosts }, { planReboots }, { executeReboots }, render] = await Promise.all([
      import('../../inventory/select-hosts.ts'),
      import('../../workflows/plan-reboots.ts'),
      import('../../workflows/reboot-hosts.ts'),
      import('../render/reboot.ts'),
    ]);
    return withLock('reboot', { ...options, needsAllRights: true }, signal, async (context, begin): Promise<CommandResult> => {
      const hosts = selectHosts(context.inventory, [...args, ...options.limit]);
      const plan = await planReboots(context, hosts, { withinMs: options.within, isRolling });
      const data = { dryRun: options.dryRun === true, plan: planData(plan) };
      if (options.dryRun || plan.errors.length > 0) {
        await context.progress.stop();
        return { data: { ...data, hosts: [] }, text: render.formatPlan(plan), errors: plan.errors };
      }
      if (!options.json) printErr(render.formatPlan(plan));
      await confirm(question(plan), options);
      const outcomes = await executeReboots(context, await begin(), plan);
      await context.progress.stop();
      const errors = outcomes.flatMap(({ problem }) => (problem === null ? [] : [problem]));
      const isInterrupted = signal.aborted || errors.some(({ code }) => code === 'interrupted');
      return {
        data: { ...data, hosts: outcomes.map(outcomeData) },
        text: render.formatOutcomes(outcomes),
        errors,
        ...(isInterrupted ? { exitCode: exitCode.interrupted } : {}),
      };
    });
  });
}
