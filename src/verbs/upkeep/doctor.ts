import { counted } from '../../model/counted.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { exitCode } from '../exit-codes.ts';
import type { OpenContext } from '../open-context.ts';
import { defineLook } from '../verb.ts';

async function checkInit(context: OpenContext, hosts: readonly HostSpec[]) {
  if (hosts.length === 0) return [];
  const [{ asCaller, prepareInit }, { runInit }] = await Promise.all([
    import('../hosts/init-hosts.ts'),
    import('../../workflows/init/init.ts'),
  ]);
  const { plans, openBlob } = await prepareInit(
    { ...context.inventory, hosts },
    { dryRun: true },
    await asCaller(context, 'doctor'),
  );
  const { remoteFor, freshRemoteFor: freshRemote, inventory, signal } = context;
  return runInit(plans, {
    remoteFor,
    freshRemote,
    openBlob,
    onEvent: () => undefined,
    concurrency: inventory.concurrency,
    signal,
  });
}

/**
 * `fleet doctor`: the deployment checklist and the usual troubleshooting, with a remedy for each
 * finding.
 */
export const doctor = defineLook({
  name: 'doctor',
  group: 'upkeep',
  summary:
    'check this machine and all hosts, and say what to do about each finding; changes nothing',
  input: {},
  examples: [
    ['doctor', 'everything: key, vault, ledger, backup, and every host'],
    ['doctor --limit h2', 'this machine and one host'],
  ],
  files: ['inventory', 'ledger', 'vault', 'key', 'knownHosts', 'sshConfig', 'profiles', 'backups'],
  exits: { 3: 'errors were found' },
  needsAllRights: () => true,
  async look(context, { limit }) {
    const [{ examineHere }, { examineHosts }, { selectHosts }] = await Promise.all([
      import('../../workflows/checkup/examine-here.ts'),
      import('../../workflows/checkup/examine-hosts.ts'),
      import('../../inventory/select-hosts.ts'),
    ]);
    const chosen = selectHosts(context.inventory, limit);
    context.report({
      kind: 'phase',
      text: `looking at this machine and at ${counted(chosen.length, 'host')}`,
    });
    return [
      ...(await examineHere(context)),
      ...(await examineHosts(context, chosen, (hosts) => checkInit(context, hosts))),
    ];
  },
  toJson: (findings) => ({ findings }),
  exit: (findings) =>
    findings.every(({ level }) => level !== 'critical') ? exitCode.ok : exitCode.failed,
});
