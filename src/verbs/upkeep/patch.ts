import { FleetError } from '../../model/errors.ts';
import type { RunPatch } from '../../workflows/moves/patch-hosts.ts';
import { callerOf } from '../caller.ts';
import { exitCode } from '../exit-codes.ts';
import { reportSteps } from '../hosts/init-progress.ts';
import { argument, dryRun, flag } from '../input.ts';
import type { OpenContext } from '../open-context.ts';
import { outcomeData, planData, question } from '../results/hosts/patch.ts';
import { defineChange } from '../verb.ts';
import { withinOption } from '../within-option.ts';

/**
 * Runs the program like one of `fleet init`: Ctrl-C ends it after the step under way, so that apt
 * is not cut off.
 */
async function patchRunner(context: OpenContext, isSecurity: boolean): Promise<RunPatch> {
  const [{ planPatch }, { runInit }, { loadLibrary }, { packageRoot }, { listHosts }, { noBlob }] =
    await Promise.all([
      import('../../workflows/init/patch-program.ts'),
      import('../../workflows/init/init.ts'),
      import('../../workflows/init/init-materials.ts'),
      import('../../release/package-root.ts'),
      import('../../ledger/queries/hosts.ts'),
      import('../hosts/init-hosts.ts'),
    ]);
  const library = await loadLibrary(packageRoot());
  return async (host, check) => {
    const row = (await listHosts(context.ledger.db)).find(({ name }) => name === host.name);
    const names = {
      fleet: context.inventory.fleet,
      name: host.name,
      former: row?.told_name ?? null,
    };
    const plan = planPatch(host, {
      check,
      isSecurity,
      library,
      names,
      caller: callerOf('patch', context.ledger),
    });
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
    throw new FleetError('bug', `${host.name}: its program has no outcome`, {
      hint: 'please report this',
      host: host.name,
    });
  };
}

/** `fleet patch HOST...`: package upgrades, one host after the other, without losing an account. */
export const patch = defineChange({
  name: 'patch',
  group: 'upkeep',
  summary:
    'upgrade packages, one host at a time; continues when the host is healthy and its ' +
    'accounts are online',
  input: {
    hosts: argument({ of: 'pattern', isMany: true, isOptional: true }),
    rolling: flag('without hosts: all of them'),
    security: flag('only packages that have a security update'),
    reboot: flag('reboot hosts that need it afterwards, announced: no account moves, none is held'),
    drain: flag('move the accounts of each host away first; otherwise they keep running there'),
    within: withinOption('how long a reboot may take'),
    dryRun: dryRun(),
  },
  examples: [
    ['patch --rolling --dry-run', 'what would be upgraded where'],
    ['patch h2 --reboot', 'one host, and a reboot where its kernel asks for it'],
    ['patch --rolling --security --yes', 'security updates of all hosts, one after the other'],
  ],
  files: ['inventory', 'ledger', 'vault', 'key', 'knownHosts', 'sshConfig', 'scripts'],
  needsAllRights: () => true,
  exits: { 3: 'a host is not healthy afterwards; the hosts after it were not touched' },
  check({ hosts, rolling, limit }) {
    if (hosts.length === 0 && limit.length === 0 && !rolling)
      throw new FleetError(
        'usage',
        'name the hosts to patch, or use --rolling for all of them, one at a time',
        {
          hint: 'for example: fleet patch eu-1 --reboot, or: fleet patch --rolling --dry-run',
        },
      );
  },
  async plan(context, { hosts, security, drain, reboot, within, limit }) {
    const [{ selectHosts }, { planPatches }] = await Promise.all([
      import('../../inventory/select-hosts.ts'),
      import('../../workflows/moves/patch-hosts.ts'),
    ]);
    const chosen = selectHosts(context.inventory, [...hosts, ...limit]);
    const runPatch = await patchRunner(context, security);
    return {
      ...(await planPatches(context, chosen, { drain, reboot, withinMs: within }, runPatch)),
      runPatch,
    };
  },
  isEmpty: ({ patches, errors }) => patches.length === 0 || errors.length > 0,
  question: (plan) => question(plan),
  async execute(context, begin, plan) {
    const { executePatches } = await import('../../workflows/moves/patch-hosts.ts');
    return executePatches(context, await begin(), plan, plan.runPatch);
  },
  toJson: (plan, done, input) => ({
    dryRun: input.dryRun,
    plan: planData(plan),
    hosts: (done ?? []).map(outcomeData),
  }),
  problems: (plan, done) =>
    done === null ? plan.errors : done.flatMap(({ problem }) => problem ?? []),
  exit: (_, done) =>
    (done ?? []).some(({ problem }) => problem?.code === 'interrupted')
      ? exitCode.interrupted
      : undefined,
});
