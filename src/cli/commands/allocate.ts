import { type Command, Option } from 'commander';
import { FleetError } from '../../model/errors.ts';
import type { Strategy } from '../../model/inventory.ts';
import { confirm } from '../confirm.ts';
import { withLock } from '../open-context.ts';
import type { CommandResult } from '../output.ts';
import { setAction } from '../run-command.ts';
import { printErr } from '../terminal.ts';

interface AllocateOptions {
  readonly all?: boolean;
  readonly strategy?: Strategy;
  readonly dryRun?: boolean;
}

/** `fleet allocate`: accounts of the vault get their hosts and come online. */
export function registerAllocate(program: Command): void {
  const command = program
    .command('allocate [accounts...]')
    .description('give accounts a host, start them there and wait until they are online')
    .option('-a, --all', 'every account that has no host')
    .addOption(new Option('-s, --strategy <name>', 'how to choose hosts').choices(['load', 'even', 'location', 'affinity', 'isolation']))
    .option('-n, --dry-run', 'show the plan and change nothing');
  setAction<AllocateOptions>(command, async ({ options, args, signal }) => {
    if (args.length === 0 && !options.all) throw new FleetError('usage', 'which accounts?', { hint: 'name them, or use --all' });
    if (args.length > 0 && options.all) throw new FleetError('usage', 'both --all and names were given', { hint: 'use one of the two' });
    const [{ executeAllocation, isEmptyPlan, planAllocation }, { noteFailedAllocation }, { announceColleagues, pushStaleBehaviours }] =
      await Promise.all([
        import('../../workflows/allocate.ts'),
        import('../../workflows/note-failed-allocation.ts'),
        import('../../workflows/push-scripts.ts'),
      ]);
    const render = await import('../render/allocation.ts');
    return withLock('allocate', options, signal, async (context, begin): Promise<CommandResult> => {
      const plan = await planAllocation(context, args.length === 0 ? null : args, options.strategy ?? null);
      const unplaced = render.unplacedErrors(plan);
      const data = { dryRun: options.dryRun === true, plan: render.planData(plan) };
      if (options.dryRun || isEmptyPlan(plan)) {
        if (!options.dryRun) await noteFailedAllocation(context, unplaced);
        await context.progress.stop();
        return { data: { ...data, accounts: [] }, text: render.formatPlan(plan), errors: unplaced };
      }
      if (!options.json) printErr(render.formatPlan(plan));
      await confirm('Carry this out?', options);
      const run = await begin();
      await announceColleagues(context, run);
      const outcomes = await executeAllocation(context, run, plan);
      // Users and names are known once they are online; and whoever could not be told before.
      const { errors: untold } = await pushStaleBehaviours(context, run);
      await context.progress.stop();
      const errors = [...unplaced, ...outcomes.flatMap(({ problem }) => (problem === null ? [] : [problem])), ...untold];
      await noteFailedAllocation(context, errors);
      const accounts = outcomes.map(({ account, host, state }) => ({ account, host, state }));
      return { data: { ...data, accounts }, text: render.formatOutcomes(outcomes), errors };
    });
  });
}
