import { dirname } from 'node:path';
import type { Run } from '../../ledger/queries/runs.ts';
import { FleetError } from '../../model/errors.ts';
import type { Inventory } from '../../model/inventory.ts';
import type { Caller } from '../../steps/program.ts';
import type { HostInitOutcome, InitWorld } from '../../workflows/init/init.ts';
import type { TrialWishes } from '../../workflows/trials/try-scripts.ts';
import { callerOf } from '../caller.ts';
import type { OpenContext } from '../open-context.ts';
import { reportSteps } from './init-progress.ts';
import { putBackTried, restartTried } from './release-trial.ts';
import { type RestartReport, restartStale } from './restart-stale.ts';

/** What `fleet init` is asked for. */
export interface InitWishes {
  readonly dryRun: boolean;
  readonly diff: boolean;
  readonly upgrade: boolean;
  readonly only: readonly string[];
  readonly skip: readonly string[];
  readonly listSteps: boolean;
  readonly rollback: boolean;
  readonly limit: readonly string[];
}

/** How `fleet init` ended. */
export type Initialised =
  | {
      readonly kind: 'steps';
      readonly steps: readonly { readonly id: string; readonly title: string }[];
    }
  /** A trial of this release was to be put back, and nothing else was done. */
  | { readonly kind: 'put back'; readonly report: RestartReport }
  | {
      readonly kind: 'hosts';
      readonly outcomes: readonly HostInitOutcome[];
      readonly errors: readonly FleetError[];
      readonly restarts: RestartReport;
    };

/** Bare Ubuntu or Debian becomes a host that is ready; a ready host is left alone. */
export async function initHosts(
  context: OpenContext,
  wishes: InitWishes,
  trials: TrialWishes,
): Promise<Initialised> {
  const { refuseLostLedger } = await import('../../workflows/custody/lost-ledger.ts');
  if (!wishes.listSteps) await refuseLostLedger(context);
  const { selectHosts } = await import('../../inventory/select-hosts.ts');
  const chosen = { ...context.inventory, hosts: selectHosts(context.inventory, wishes.limit) };
  const work = await (wishes.rollback
    ? prepareRollback(context, wishes)
    : prepareInit(chosen, wishes, await asCaller(context, 'init')));
  if (wishes.listSteps) {
    const steps = new Map(
      work.plans.flatMap((plan) => plan.steps.map((step) => [step.id, step.title] as const)),
    );
    return { kind: 'steps', steps: [...steps].map(([id, title]) => ({ id, title })) };
  }
  const trial = {
    wishes: trials,
    putBack: (hosts: readonly string[]) => putBackTo(context, wishes, hosts),
  };
  const ended =
    wishes.dryRun || wishes.rollback ? null : await putBackTried(context, work.release, trial);
  if (ended !== null) return { kind: 'put back', report: ended };
  const { outcomes, errors } = await runAndRecord(context, work);
  const restart = (): Promise<RestartReport> =>
    wishes.rollback || work.release === null
      ? restartStale(context, outcomes)
      : restartTried(context, outcomes, work.release, trial);
  const restarts =
    wishes.dryRun || context.signal.aborted ? { data: {}, text: '', errors: [] } : await restart();
  return { kind: 'hosts', outcomes, errors, restarts };
}

/** These hosts get back the release that each had before. */
async function putBackTo(
  context: OpenContext,
  wishes: InitWishes,
  hosts: readonly string[],
): Promise<Recorded> {
  const own = {
    ...wishes,
    dryRun: false,
    upgrade: false,
    diff: false,
    only: [],
    skip: [],
    limit: [...hosts],
  };
  return runAndRecord(context, await prepareRollback(context, own));
}

interface InitCaller {
  readonly caller: Caller;
  readonly formerNames: ReadonlyMap<string, string>;
}

/** Who asks, and under which names hosts know themselves that were renamed since. */
export async function asCaller({ ledger }: OpenContext, act: string): Promise<InitCaller> {
  const { listHosts } = await import('../../ledger/queries/hosts.ts');
  const renamed = (await listHosts(ledger.db)).flatMap(({ name, told_name }) =>
    told_name === null ? [] : [[name, told_name] as const],
  );
  return { caller: callerOf(act, ledger), formerNames: new Map(renamed) };
}

/** What `init` would do on every host of `inventory`. */
export async function prepareInit(
  inventory: Inventory,
  wishes: Partial<InitWishes>,
  { caller, formerNames }: InitCaller,
): Promise<InitWork> {
  const [{ loadInitMaterials }, { planInit }, { packageRoot }] = await Promise.all([
    import('../../workflows/init/init-materials.ts'),
    import('../../workflows/init/init-plan.ts'),
    import('../../release/package-root.ts'),
  ]);
  const { only = [], skip = [] } = wishes;
  const profiles = inventory.hosts.map(({ profile }) => profile);
  const materials = await loadInitMaterials({
    root: packageRoot(),
    ownDirectory: dirname(inventory.path),
    profiles,
    runtimeMirror: inventory.runtimeMirror,
  });
  const flags = {
    check: wishes.dryRun === true,
    diff: wishes.diff === true,
    upgrade: wishes.upgrade === true,
  };
  return {
    plans: planInit(inventory, materials, { ...flags, only, skip, caller, formerNames }),
    openBlob: materials.openBlob,
    release: materials.bundle.release.id,
    isWhole: !flags.check && only.length === 0 && skip.length === 0,
  };
}

async function prepareRollback(
  { inventory, ledger }: OpenContext,
  wishes: InitWishes,
): Promise<InitWork> {
  if (wishes.upgrade || wishes.diff || wishes.only.length + wishes.skip.length > 0) {
    throw new FleetError('usage', '--rollback goes with --dry-run only', {
      hint: 'leave out --diff, --upgrade, --only and --skip',
    });
  }
  const [{ loadLibrary }, { planRollback }, { selectHosts }, { packageRoot }] = await Promise.all([
    import('../../workflows/init/init-materials.ts'),
    import('../../workflows/init/rollback.ts'),
    import('../../inventory/select-hosts.ts'),
    import('../../release/package-root.ts'),
  ]);
  const library = await loadLibrary(packageRoot());
  return {
    plans: planRollback(selectHosts(inventory, wishes.limit), {
      check: wishes.dryRun,
      library,
      caller: callerOf('init --rollback', ledger),
    }),
    openBlob: noBlob,
    release: null,
    isWhole: !wishes.dryRun,
  };
}

type InitWork = {
  readonly plans: Parameters<typeof import('../../workflows/init/init.ts').runInit>[0];
  readonly openBlob: Parameters<
    typeof import('../../workflows/init/init.ts').runInit
  >[1]['openBlob'];
  /** The release that hosts are to have; null: the one that they had before. */
  readonly release: string | null;
  /** Nothing was left out: only then is a host known to be ready. */
  readonly isWhole: boolean;
};

/** Programs that send no content ask for none. */
export const noBlob = async (): Promise<never> => {
  throw new FleetError('transfer', 'this program has no content to send', {
    hint: 'please report this',
  });
};

/**
 * Runs the programs, then notes in the ledger which hosts are ready and what they look like now.
 */
async function runAndRecord(
  context: OpenContext,
  { plans, openBlob, release, isWhole }: InitWork,
): Promise<Recorded> {
  const { runInit } = await import('../../workflows/init/init.ts');
  const { recordInit } = await import('../../workflows/init/record-init.ts');
  const { contactAfterInit, meetDestroyed } = await import(
    '../../workflows/ownership/meet-destroyed.ts'
  );
  const begin = async (): Promise<Run> =>
    (await import('../../ledger/queries/runs.ts')).beginRun(context.ledger, 'init', context.now());
  const hosts = plans.map(({ host }) => host);
  const { ensureHosts, listHosts } = await import('../../ledger/queries/hosts.ts');
  // One that was forgotten and comes back is what it was.
  if (isWhole)
    await ensureHosts(
      context.ledger.db,
      hosts.map(({ name }) => name),
    );
  const rows = await listHosts(context.ledger.db);
  const destroyed = new Set(rows.flatMap((row) => (row.destroyed_at === null ? [] : [row.name])));
  const established = new Set<string>(
    rows.flatMap((row) => (row.release === null ? [] : [row.name])),
  );
  const returning = isWhole ? hosts.filter(({ name }) => destroyed.has(name)) : [];
  // Before anything else: what such a host runs is somebody else's by now.
  const met =
    returning.length === 0 ? [] : await meetDestroyed(context, await begin(), returning, true);
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
  const changed = new Set(
    outcomes.filter(({ state }) => state === 'changed').map(({ host }) => host),
  );
  const untold = await contactAfterInit(
    context,
    begin,
    hosts.filter(({ name }) => changed.has(name)),
  );
  return { outcomes, errors: [...met, ...untold] };
}

/**
 * Refuses a machine that is another host, or a copy of one; of hosts that are established, it only
 * warns.
 */
async function judgeFacts(
  context: OpenContext,
  established: ReadonlySet<string>,
): Promise<NonNullable<InitWorld['onFacts']>> {
  const { identityError, identityJudge, listMachines } = await import(
    '../../workflows/hosts/host-identity.ts'
  );
  const judge = identityJudge(await listMachines(context));
  return (name, { instanceId, machineId }) => {
    const fault = judge({ name, instanceId, machineId });
    if (fault === null) return null;
    const error = identityError(name, fault);
    const isCopy = fault.kind === 'clone' || fault.kind === 'same-system';
    // It is to become a host all the same: fleet adopt asks about its accounts.
    if (fault.kind === 'replaced' || (isCopy && established.has(name)))
      return `${error.message} (${error.hint})`;
    throw error;
  };
}

interface Recorded {
  readonly outcomes: readonly HostInitOutcome[];
  /** What else the operator has to know. */
  readonly errors: readonly FleetError[];
}
