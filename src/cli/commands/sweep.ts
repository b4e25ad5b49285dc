import type { Command } from 'commander';
import { FleetError } from '../../model/errors.ts';
import { withLock } from '../open-context.ts';
import type { CommandResult } from '../output.ts';
import { setAction } from '../run-command.ts';

/** `fleet sweep`: one pass over all hosts, for cron. */
export function registerSweep(program: Command): void {
  const command = program
    .command('sweep')
    .description('look at every host, carry on what is open, give back what hosts hold since a boot; for cron')
    .option('--auto-failover', 'hosts that are down, and have a fence, are switched off and their accounts given to others');
  setAction<{ readonly autoFailover?: boolean }>(command, async ({ options, signal }) => {
    if (options.limit.length > 0)
      throw new FleetError('usage', 'a sweep is over all hosts: no --limit', { hint: 'fleet status --live --limit PATTERN looks at some' });
    const [{ sweepFleet }, render] = await Promise.all([import('../../workflows/sweep.ts'), import('../render/sweep.ts')]);
    return withLock('sweep', options, signal, async (context, begin): Promise<CommandResult> => {
      const result = await sweepFleet(context, begin, options.autoFailover === true);
      await context.progress.stop();
      return { data: render.sweepData(result), text: render.formatSweep(result, context.now()), errors: render.sweepErrors(result) };
    });
  });
}
