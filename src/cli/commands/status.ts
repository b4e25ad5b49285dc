import type { Command } from 'commander';
import { withContext } from '../open-context.ts';
import { setAction } from '../run-command.ts';

/** `fleet status`: the fleet on one screen. */
export function registerStatus(program: Command): void {
  const command = program
    .command('status')
    .description('the fleet on one screen, from the ledger')
    .option('--live', 'ask the agents first');
  setAction<{ live?: boolean }>(command, async ({ options, signal }) => {
    const { readFleetStatus } = await import('../../workflows/fleet-status.ts');
    const { formatStatus, statusData } = await import('../render/status.ts');
    return withContext(options, signal, async (context) => {
      const status = await readFleetStatus(context, options.limit, options.live === true);
      await context.progress.stop();
      return { data: statusData(status), text: formatStatus(status, context.now()), errors: status.errors };
    });
  });
}
