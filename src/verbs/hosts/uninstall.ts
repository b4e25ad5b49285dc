import { callerOf } from '../caller.ts';
import { exitCode } from '../exit-codes.ts';
import { argument, dryRun, flag } from '../input.ts';
import type { OpenContext } from '../open-context.ts';
import { initData } from '../results/hosts/init.ts';
import { defineChange } from '../verb.ts';
import { reportSteps } from './init-progress.ts';

type Hosts = OpenContext['inventory']['hosts'];

interface Wishes {
  readonly isCheck: boolean;
  readonly purgePackages: boolean;
  readonly forgetClaims: boolean;
}

async function takeBack(
  context: OpenContext,
  hosts: Hosts,
  { isCheck, purgePackages, forgetClaims }: Wishes,
) {
  const [
    { planUninstall, recordUninstalled },
    { runInit },
    { loadLibrary },
    { packageRoot },
    { noBlob },
  ] = await Promise.all([
    import('../../workflows/init/uninstall.ts'),
    import('../../workflows/init/init.ts'),
    import('../../workflows/init/init-materials.ts'),
    import('../../release/package-root.ts'),
    import('./init-hosts.ts'),
  ]);
  const plans = planUninstall(hosts, {
    ...{ check: isCheck, purgePackages, forgetClaims },
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
  return outcomes;
}

/** `fleet uninstall HOST...`: the host is left as `fleet init` found it. */
export const uninstall = defineChange({
  name: 'uninstall',
  group: 'hosts',
  summary: 'remove fleet from hosts and restore what it replaced; refused while they own accounts',
  input: {
    hosts: argument({ of: 'pattern', isMany: true }),
    dryRun: dryRun('change nothing, say what would be undone (exit code 4 when something would)'),
    purgePackages: flag('also remove the packages that fleet installed'),
    forgetClaims: flag(
      'also remove the tombstones that keep old copies of accounts from running there',
    ),
  },
  examples: [
    ['uninstall h3 --dry-run', 'what would be taken back'],
    ['uninstall h3', 'the host is left as fleet found it'],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig'],
  exits: {
    3: 'a host owns accounts, or something could not be undone',
    4: 'with --dry-run: something would be undone',
  },
  needsAllRights: () => true,
  async plan(context, { hosts: names, dryRun: isCheck, purgePackages, forgetClaims }) {
    const [{ selectHosts }, { refuseOwners }] = await Promise.all([
      import('../../inventory/select-hosts.ts'),
      import('../../workflows/init/uninstall.ts'),
    ]);
    const hosts = selectHosts(context.inventory, names);
    await refuseOwners(context, hosts);
    return {
      hosts,
      outcomes: isCheck
        ? await takeBack(context, hosts, { isCheck, purgePackages, forgetClaims })
        : [],
    };
  },
  question: ({ hosts }) => `Remove fleet from ${hosts.map(({ name }) => name).join(', ')}?`,
  execute: (context, _, { hosts }, { purgePackages, forgetClaims }) =>
    takeBack(context, hosts, { isCheck: false, purgePackages, forgetClaims }),
  toJson: ({ outcomes }, done, input) => ({
    check: input.dryRun,
    hosts: (done ?? outcomes).map(initData),
  }),
  problems: ({ outcomes }, done) =>
    (done ?? outcomes).flatMap(({ error }) => (error === null ? [] : [error])),
  exit({ outcomes }, done) {
    const all = done ?? outcomes;
    const isPending =
      all.every(({ error }) => error === null) && all.some(({ state }) => state === 'pending');
    return isPending ? exitCode.pending : undefined;
  },
});
