import { dirname } from 'node:path';
import type { Command } from 'commander';
import type { Run } from '../../ledger/runs.ts';
import { FleetError } from '../../model/errors.ts';
import type { Inventory } from '../../model/inventory.ts';
import type { Caller } from '../../steps/program.ts';
import { callerOf } from '../../verbs/caller.ts';
import { exitCode } from '../../verbs/exit-codes.ts';
import type { OpenContext } from '../../verbs/open-context.ts';
import { initData } from '../../verbs/results/init.ts';
import type { HostInitOutcome, InitWorld } from '../../workflows/init.ts';
import type { GlobalOptions } from '../global-options.ts';
import { reportSteps } from '../init-progress.ts';
import { withLastingLinks } from '../open-context.ts';
import { setAction } from '../run-command.ts';
import { type TrialFlags, trialWishes, withTrialOptions } from '../trial-options.ts';
import { putBackTried, restartTried } from './release-trial.ts';
import { type RestartReport, restartStale } from './restart-stale.ts';

interface InitFlags extends TrialFlags {
  readonly check?: boolean;
  readonly diff?: boolean;
  readonly upgrade?: boolean;
  readonly only: string[];
  readonly skip: string[];
  readonly listSteps?: boolean;
  readonly rollback?: boolean;
}

const collect = (value: string, before: string[]): string[] => [...before, ...value.split(',')];

/** `fleet init`: bare Ubuntu or Debian becomes a host that is ready; a ready host is left alone. */
export function registerInit(program: Command): void {
  const command = program
    .command('init')
    .description('make hosts ready: packages, limits, firewall, runtime, agent, units; a ready host is left alone')
    .option('--check', 'change nothing, say what would change (exit code 4 when something would)')
    .option('--diff', 'show what changes in files')
    .option('--upgrade', 'upgrade all packages too')
    .option('--only <steps>', 'only these steps (comma separated)', collect, [])
    .option('--skip <steps>', 'not these steps (comma separated)', collect, [])
    .option('--list-steps', 'name the steps and do nothing')
    .option('--rollback', 'go back to the release that each host had before; settings and packages stay');
  setAction<InitFlags>(withTrialOptions(command, 'try a new release of the worker'), async ({ options, signal }) => {
    const wishes = trialWishes(options);
    const render = await import('../render/init.ts');
    return withLastingLinks({ ...options, needsAllRights: true }, signal, async (context) => {
      const { refuseLostLedger } = await import('../../workflows/lost-ledger.ts');
      if (!options.listSteps) await refuseLostLedger(context);
      const { selectHosts } = await import('../../inventory/select-hosts.ts');
      const chosen = { ...context.inventory, hosts: selectHosts(context.inventory, options.limit) };
      const work = await (options.rollback === true
        ? prepareRollback(context, options)
        : prepareInit(chosen, options, await asCaller(context, 'init')));
      if (options.listSteps) return render.stepList(work.plans);
      const isCheck = options.check === true;
      const trial = { wishes, putBack: (hosts: readonly string[]) => putBackTo(context, options, hosts) };
      const ended = isCheck ? null : await putBackTried(context, options, work.release, trial);
      if (ended !== null) return ended;
      const { outcomes, errors: said } = await runAndRecord(context, work);
      const restart = (): Promise<RestartReport> =>
        options.rollback === true || work.release === null
          ? restartStale(context, options, outcomes)
          : restartTried(context, options, outcomes, work.release, trial);
      const restarts = isCheck || signal.aborted ? { data: {}, text: '', errors: [] } : await restart();
      await context.progress.stop();
      const errors = [...outcomes.flatMap(({ error }) => (error === null ? [] : [error])), ...said, ...restarts.errors];
      const isPending = errors.length === 0 && outcomes.some(({ state }) => state === 'pending');
      const data = { check: isCheck, hosts: outcomes.map(initData), ...restarts.data };
      const text = [render.formatInit(outcomes), restarts.text].filter((part) => part !== '').join('\n\n');
      return { data, text, errors, ...(isPending ? { exitCode: exitCode.pending } : {}) };
    });
  });
}

/** These hosts get back the release that each had before. */
async function putBackTo(context: OpenContext, options: InitFlags & GlobalOptions, hosts: readonly string[]): Promise<Recorded> {
  const own = { ...options, check: false, upgrade: false, diff: false, only: [], skip: [], limit: [...hosts] };
  return runAndRecord(context, await prepareRollback(context, own));
}

interface InitCaller {
  readonly caller: Caller;
  readonly formerNames: ReadonlyMap<string, string>;
}

/** Who asks, and under which names hosts know themselves that were renamed since. */
export async function asCaller({ ledger }: OpenContext, act: string): Promise<InitCaller> {
  const { listHosts } = await import('../../ledger/hosts.ts');
  const renamed = (await listHosts(ledger.db)).flatMap(({ name, told_name }) => (told_name === null ? [] : [[name, told_name] as const]));
  return { caller: callerOf(act, ledger), formerNames: new Map(renamed) };
}

/** What `init` would do on every host of `inventory`. */
export async function prepareInit(
  inventory: Inventory,
  options: Partial<InitFlags>,
  { caller, formerNames }: InitCaller,
): Promise<InitWork> {
  const [{ loadInitMaterials }, { planInit }, { packageRoot }] = await Promise.all([
    import('../../workflows/init-materials.ts'),
    import('../../workflows/init-plan.ts'),
    import('../../release/package-root.ts'),
  ]);
  const { only = [], skip = [] } = options;
  const profiles = inventory.hosts.map(({ profile }) => profile);
  const materials = await loadInitMaterials({
    root: packageRoot(),
    ownDirectory: dirname(inventory.path),
    profiles,
    runtimeMirror: inventory.runtimeMirror,
  });
  const flags = { check: options.check === true, diff: options.diff === true, upgrade: options.upgrade === true };
  return {
    plans: planInit(inventory, materials, { ...flags, only, skip, caller, formerNames }),
    openBlob: materials.openBlob,
    release: materials.bundle.release.id,
    isWhole: !flags.check && only.length === 0 && skip.length === 0,
  };
}

async function prepareRollback({ inventory, ledger }: OpenContext, options: InitFlags & GlobalOptions): Promise<InitWork> {
  if (options.upgrade === true || options.diff === true || options.only.length + options.skip.length > 0) {
    throw new FleetError('usage', '--rollback goes with --check only', { hint: 'leave out --diff, --upgrade, --only and --skip' });
  }
  const [{ loadLibrary }, { planRollback }, { selectHosts }, { packageRoot }] = await Promise.all([
    import('../../workflows/init-materials.ts'),
    import('../../workflows/rollback.ts'),
    import('../../inventory/select-hosts.ts'),
    import('../../release/package-root.ts'),
  ]);
  const library = await loadLibrary(packageRoot());
  return {
    plans: planRollback(selectHosts(inventory, options.limit), {
      check: options.check === true,
      library,
      caller: callerOf('init --rollback', ledger),
    }),
    openBlob: noBlob,
    release: null,
    isWhole: options.check !== true,
  };
}

type InitWork = {
  readonly plans: Parameters<typeof import('../../workflows/init.ts').runInit>[0];
  readonly openBlob: Parameters<typeof import('../../workflows/init.ts').runInit>[1]['openBlob'];
  /** The release that hosts are to have; null: the one that they had before. */
  readonly release: string | null;
  /** Nothing was left out: only then is a host known to be ready. */
  readonly isWhole: boolean;
};

/** Programs that send no content ask for none. */
export const noBlob = async (): Promise<never> => {
  throw new FleetError('transfer', 'this program has no content to send', { hint: 'please report this' });
};

/** Runs the programs, then notes in the ledger which hosts are ready and what they look like now. */
async function runAndRecord(context: OpenContext, { plans, openBlob, release, isWhole }: InitWork): Promise<Recorded> {
  const { runInit } = await import('../../workflows/init.ts');
  const { recordInit } = await import('../../workflows/record-init.ts');
  const { contactAfterInit, meetDestroyed } = await import('../../workflows/meet-destroyed.ts');
  const begin = async (): Promise<Run> => (await import('../../ledger/runs.ts')).beginRun(context.ledger, 'init', context.now());
  const hosts = plans.map(({ host }) => host);
  const { ensureHosts, listHosts } = await import('../../ledger/hosts.ts');
  // One that was forgotten and comes back is what it was.
  if (isWhole)
    await ensureHosts(
      context.ledger.db,
      hosts.map(({ name }) => name),
    );
  const rows = await listHosts(context.ledger.db);
  const destroyed = new Set(rows.flatMap((row) => (row.destroyed_at === null ? [] : [row.name])));
  const established = new Set<string>(rows.flatMap((row) => (row.release === null ? [] : [row.name])));
  const returning = isWhole ? hosts.filter(({ name }) => destroyed.has(name)) : [];
  // Before anything else: what such a host runs is somebody else's by now.
  const met = returning.length === 0 ? [] : await meetDestroyed(context, await begin(), returning);
  const outcomes = await runInit(plans, {
    remoteFor: context.remoteFor,
    freshRemote: context.freshRemoteFor,
    openBlob,
    onEvent: reportSteps(context, plans),
    onFacts: await judgeFacts(context, established),
    isEstablished: (name) => established.has(name),
    concurrency: context.inventory.concurrency,
    signal: context.signal,
    goOn: (host) => `fleet init${release === null ? ' --rollback' : ''} --limit ${host}`,
  });
  if (!isWhole) return { outcomes, errors: met };
  await recordInit(context, outcomes, release);
  const changed = new Set(outcomes.filter(({ state }) => state === 'changed').map(({ host }) => host));
  const untold = await contactAfterInit(
    context,
    begin,
    hosts.filter(({ name }) => changed.has(name)),
  );
  return { outcomes, errors: [...met, ...untold] };
}

/** Refuses a machine that is another host, or a copy of one; of hosts that are established, it only warns. */
async function judgeFacts(context: OpenContext, established: ReadonlySet<string>): Promise<NonNullable<InitWorld['onFacts']>> {
  const { identityError, identityJudge, listMachines } = await import('../../workflows/host-identity.ts');
  const judge = identityJudge(await listMachines(context));
  return (name, { instanceId, machineId }) => {
    const fault = judge({ name, instanceId, machineId });
    if (fault === null) return null;
    const error = identityError(name, fault);
    const isCopy = fault.kind === 'clone' || fault.kind === 'same-system';
    // It is to become a host all the same: fleet adopt asks about its accounts.
    if (fault.kind === 'replaced' || (isCopy && established.has(name))) return `${error.message} (${error.hint})`;
    throw error;
  };
}

interface Recorded {
  readonly outcomes: readonly HostInitOutcome[];
  /** What else the operator has to know. */
  readonly errors: readonly FleetError[];
}
