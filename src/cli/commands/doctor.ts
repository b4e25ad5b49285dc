import type { Command } from 'commander';
import type { HostSpec } from '../../model/inventory.ts';
import { exitCode } from '../../verbs/exit-codes.ts';
import type { OpenContext } from '../../verbs/open-context.ts';
import { withContext } from '../open-context.ts';
import type { CommandResult } from '../output.ts';
import { setAction } from '../run-command.ts';

/** `fleet doctor`: the deployment checklist and the usual troubleshooting, with a remedy for each finding. */
export function registerDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('looks at this machine and at all hosts, changes nothing, and says what to do about what it finds');
  setAction(command, async ({ options, signal }) => {
    const [{ examineHere }, { examineHosts }, { selectHosts }, { formatFindings }] = await Promise.all([
      import('../../workflows/examine-here.ts'),
      import('../../workflows/examine-hosts.ts'),
      import('../../inventory/select-hosts.ts'),
      import('../render/doctor.ts'),
    ]);
    return withContext({ ...options, needsAllRights: true }, signal, async (context): Promise<CommandResult> => {
      const chosen = selectHosts(context.inventory, options.limit);
      context.report({ kind: 'phase', text: `looking at this machine and at ${chosen.length} hosts` });
      const findings = [...(await examineHere(context)), ...(await examineHosts(context, chosen, (hosts) => checkInit(context, hosts)))];
      await context.progress.stop();
      const isWell = findings.every(({ level }) => level !== 'critical');
      return { data: { findings }, text: formatFindings(findings), exitCode: isWell ? exitCode.ok : exitCode.failed };
    });
  });
}

async function checkInit(context: OpenContext, hosts: readonly HostSpec[]) {
  if (hosts.length === 0) return [];
  const [{ asCaller, prepareInit }, { runInit }] = await Promise.all([import('./init.ts'), import('../../workflows/init.ts')]);
  const { plans, openBlob } = await prepareInit({ ...context.inventory, hosts }, { check: true }, await asCaller(context, 'doctor'));
  const { remoteFor, freshRemoteFor: freshRemote, inventory, signal } = context;
  return runInit(plans, { remoteFor, freshRemote, openBlob, onEvent: () => undefined, concurrency: inventory.concurrency, signal });
}
