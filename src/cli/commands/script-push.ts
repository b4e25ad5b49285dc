import type { Command } from 'commander';
import { confirm } from '../confirm.ts';
import { withLock } from '../open-context.ts';
import type { CommandResult } from '../output.ts';
import { setAction } from '../run-command.ts';
import { printErr } from '../terminal.ts';

/** `fleet scripts push`. */
export function registerScriptPush(program: Command): void {
  const scripts =
    program.commands.find((command) => command.name() === 'scripts') ?? program.command('scripts').description('what accounts say');
  const command = scripts
    .command('push [accounts...]')
    .description(
      'give hosts what their accounts are to answer, as the inventory and the scripts say now; workers take it up without a restart',
    )
    .option('--dry-run', 'only show what would change');
  setAction<{ dryRun?: boolean }>(command, async ({ options, args, signal }) => {
    const [{ planPush, pushBehaviours }, { formatPush }] = await Promise.all([
      import('../../workflows/push-scripts.ts'),
      import('../render/silence.ts'),
    ]);
    return withLock('scripts push', options, signal, async (context, begin): Promise<CommandResult> => {
      const plan = await planPush(context, args);
      const changes = plan.changes.filter((change) => change.changes.length > 0);
      const data = { changes: changes.map(({ account, host, changes: words }) => ({ account, host: host.name, changes: words })) };
      const text = formatPush(changes, plan.changes.length);
      await context.progress.stop();
      if (options.dryRun === true || changes.length === 0) return { data, text, errors: plan.errors };
      if (!options.yes) printErr(text);
      await confirm(`Push to ${changes.length === 1 ? 'this account' : `these ${changes.length} accounts`}?`, options);
      const { errors } = await pushBehaviours(context, await begin(), { ...plan, changes });
      return { data, text: options.yes ? text : 'Pushed.', errors: [...plan.errors, ...errors] };
    });
  });
}
