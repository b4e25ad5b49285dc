import type { Command } from 'commander';
import type { HostSpec } from '../../model/inventory.ts';
import { callerOf } from '../../verbs/caller.ts';
import { exitCode } from '../../verbs/exit-codes.ts';
import type { OpenContext } from '../../verbs/open-context.ts';
import { initData } from '../../verbs/results/init.ts';
import { confirm } from '../confirm.ts';
import { reportSteps } from '../init-progress.ts';
import { withLock } from '../open-context.ts';
import type { CommandResult } from '../output.ts';
import { setAction } from '../run-command.ts';
import { noBlob } from './init.ts';

interface UninstallFlags {
  readonly check?: boolean;
  readonly purgePackages?: boolean;
  readonly forgetClaims?: boolean;
}

/** `fleet uninstall HOST...`: the host is left as `fleet init` found it. */
export function registerUninstall(program: Command): void {
  const command = program
    .command('uninstall <hosts...>')
    .description('leave hosts as fleet found them; refuses while they own accounts')
    .option('--check', 'change nothing, say what would be undone (exit code 4 when something would)')
    .option('--purge-packages', 'also remove the packages that fleet installed')
    .option('--forget-claims', 'also remove the tombstones that keep old copies of accounts from running there');
  setAction<UninstallFlags>(command, ({ options, args, signal }) =>
    withLock('uninstall', { ...options, needsAllRights: true }, signal, async (context) => {
      const [{ selectHosts }, { refuseOwners }] = await Promise.all([
        import('../../inventory/select-hosts.ts'),
        import('../../workflows/uninstall.ts'),
      ]);
      const hosts = selectHosts(context.inventory, args);
      await refuseOwners(context, hosts);
      if (options.check !== true) await confirm(`Remove fleet from ${hosts.map(({ name }) => name).join(', ')}?`, options);
      return uninstall(context, hosts, options);
    }),
  );
}

async function uninstall(context: OpenContext, hosts: readonly HostSpec[], options: UninstallFlags): Promise<CommandResult> {
  const [{ planUninstall, recordUninstalled }, { runInit }, { loadLibrary }, { packageRoot }, render] = await Promise.all([
    import('../../workflows/uninstall.ts'),
    import('../../workflows/init.ts'),
    import('../../workflows/init-materials.ts'),
    import('../../release/package-root.ts'),
    import('../render/init.ts'),
  ]);
  const isCheck = options.check === true;
  const plans = planUninstall(hosts, {
    check: isCheck,
    purgePackages: options.purgePackages === true,
    forgetClaims: options.forgetClaims === true,
    library: await loadLibrary(packageRoot(), ['uninstall']),
    caller: callerOf('uninstall', context.ledger),
  });
  const outcomes = await runInit(plans, {
    remoteFor: context.remoteFor,
    freshRemote: context.freshRemoteFor,
    openBlob: noBlob,
    onEvent: reportSteps(context, plans),
    concurrency: context.inventory.concurrency,
    signal: context.signal,
    goOn: (host) => `fleet uninstall ${host}`,
  });
  if (!isCheck) await recordUninstalled(context, outcomes);
  await context.progress.stop();
  const errors = outcomes.flatMap(({ error }) => (error === null ? [] : [error]));
  const isPending = errors.length === 0 && outcomes.some(({ state }) => state === 'pending');
  const data = { check: isCheck, hosts: outcomes.map(initData) };
  return { data, text: render.formatInit(outcomes), errors, ...(isPending ? { exitCode: exitCode.pending } : {}) };
}
