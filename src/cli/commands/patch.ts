import type { Command } from 'commander';
import { FleetError } from '../../model/errors.ts';
import { callerOf } from '../../verbs/caller.ts';
import { exitCode } from '../../verbs/exit-codes.ts';
import type { OpenContext } from '../../verbs/open-context.ts';
import { outcomeData, planData, question } from '../../verbs/results/patch.ts';
import type { RunPatch } from '../../workflows/patch-hosts.ts';
import { confirm } from '../confirm.ts';
import { reportSteps } from '../init-progress.ts';
import { withLock } from '../open-context.ts';
import type { CommandResult } from '../output.ts';
import { setAction } from '../run-command.ts';
import { printErr } from '../terminal.ts';
import { withinOption } from '../within-option.ts';
import { noBlob } from './init.ts';

interface PatchFlags {
  readonly rolling?: boolean;
  readonly security?: boolean;
  readonly reboot?: boolean;
  readonly drain?: boolean;
  readonly within: number;
  readonly dryRun?: boolean;
}

/** `fleet patch HOST...`: package upgrades, one host after the other, without losing an account. */
export function registerPatch(program: Command): void {
  const command = program
    .command('patch [hosts...]')
    .description('upgrade packages, one host at a time: the next one when the last is well and its accounts are online')
    .option('--rolling', 'without hosts: all of them')
    .option('--security', 'only packages that have a security update')
    .option('--reboot', 'reboot hosts that need it afterwards, announced: no account moves, none is held')
    .option('--drain', 'move the accounts of each host away first (otherwise they stay and go on)')
    .addOption(withinOption('how long a reboot may take'))
    .option('-n, --dry-run', 'show the plan and change nothing');
  setAction<PatchFlags>(command, async ({ options, args, signal }) => {
    if (args.length === 0 && options.limit.length === 0 && options.rolling !== true)
      throw new FleetError('usage', 'name the hosts to patch, or use --rolling for all of them, one at a time', {
        hint: 'for example: fleet patch eu-1 --reboot, or: fleet patch --rolling --dry-run',
      });
    const [{ selectHosts }, { planPatches, executePatches }, render] = await Promise.all([
      import('../../inventory/select-hosts.ts'),
      import('../../workflows/patch-hosts.ts'),
      import('../render/patch.ts'),
    ]);
    return withLock('patch', options, signal, async (context, begin): Promise<CommandResult> => {
      const hosts = selectHosts(context.inventory, [...args, ...options.limit]);
      const wishes = { drain: options.drain === true, reboot: options.reboot === true, withinMs: options.within };
      const runPatch = await patchRunner(context, options.security === true);
      const plan = await planPatches(context, hosts, wishes, runPatch);
      const data = { dryRun: options.dryRun === true, plan: planData(plan) };
      if (options.dryRun || plan.errors.length > 0) {
        await context.progress.stop();
        return { data: { ...data, hosts: [] }, text: render.formatPlan(plan), errors: plan.errors };
      }
      if (!options.json) printErr(render.formatPlan(plan));
      await confirm(question(plan), options);
      const outcomes = await executePatches(context, await begin(), plan, runPatch);
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

/** Runs the program like one of `fleet init`: Ctrl-C ends it after the step under way, so that apt is not cut off. */
async function patchRunner(context: OpenContext, isSecurity: boolean): Promise<RunPatch> {
  const [{ planPatch }, { runInit }, { loadLibrary }, { packageRoot }, { listHosts }] = await Promise.all([
    import('../../workflows/patch-program.ts'),
    import('../../workflows/init.ts'),
    import('../../workflows/init-materials.ts'),
    import('../../release/package-root.ts'),
    import('../../ledger/hosts.ts'),
  ]);
  const library = await loadLibrary(packageRoot());
  return async (host, check) => {
    const row = (await listHosts(context.ledger.db)).find(({ name }) => name === host.name);
    const names = { fleet: context.inventory.fleet, name: host.name, former: row?.told_name ?? null };
    const plan = planPatch(host, { check, isSecurity, library, names, caller: callerOf('patch', context.ledger) });
    const [outcome] = await runInit([plan], {
      remoteFor: context.remoteFor,
      freshRemote: context.freshRemoteFor,
      openBlob: noBlob,
      onEvent: check ? () => undefined : reportSteps(context, [plan]),
      concurrency: 1,
      signal: context.signal,
      goOn: (name) => `fleet patch ${name}`,
    });
    if (outcome !== undefined) return outcome;
    throw new FleetError('bug', `${host.name}: its program has no outcome`, { hint: 'please report this', host: host.name });
  };
}
