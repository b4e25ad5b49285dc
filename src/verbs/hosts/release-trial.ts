import type { Run } from '../../ledger/queries/runs.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostInitOutcome } from '../../workflows/init/init.ts';
import type { StaleWorker } from '../../workflows/init/stale-workers.ts';
import type { TrialOutcome, TrialWishes } from '../../workflows/trials/try-scripts.ts';
import type { WorkerActs } from '../../workflows/trials/try-workers.ts';
import type { OpenContext } from '../open-context.ts';
import { trialErrors } from '../results/hosts/trial.ts';
import { type RestartReport, refusal, restartStale, restartsOf } from './restart-stale.ts';

/** What `fleet init` does about trials of its release. */
export interface ReleaseTrial {
  readonly wishes: TrialWishes;
  /** Hosts get back the release before. */
  readonly putBack: (hosts: readonly string[]) => Promise<{
    readonly outcomes: readonly HostInitOutcome[];
    readonly errors: readonly FleetError[];
  }>;
}

/** The acts of a run. `stale`: the workers that are not of their host's release now. */
async function actsOf(
  context: OpenContext,
  run: Run,
  trial: ReleaseTrial,
  stale: readonly StaleWorker[],
): Promise<WorkerActs> {
  const [{ restartWorkers }, { findStaleWorkers }, { listAccounts }] = await Promise.all([
    import('../../workflows/accounts/restart-workers.ts'),
    import('../../workflows/init/stale-workers.ts'),
    import('../../ledger/queries/accounts.ts'),
  ]);
  let known = stale;
  return {
    restart: async (names) => {
      const chosen = new Set(names);
      return restartWorkers(
        context,
        run,
        restartsOf(known.filter(({ account }) => account !== null && chosen.has(account.name))),
      );
    },
    putBack: async (names) => {
      const hosts = (await listAccounts(context.ledger.db))
        .filter(({ name }) => names.includes(name))
        .flatMap(({ host }) => host ?? []);
      const { outcomes, errors } = await trial.putBack([...new Set(hosts)].toSorted());
      known = await findStaleWorkers(context, outcomes);
      return [...outcomes.flatMap(({ error }) => (error === null ? [] : [error])), ...errors];
    },
  };
}

/**
 * Carries the trial alone on the ledger, with a run of its own. A lock that another command holds
 * is the outcome.
 */
async function carry(
  context: OpenContext,
  canary: TrialOutcome['canary'],
  trial: ReleaseTrial,
  stale: readonly StaleWorker[],
): Promise<TrialOutcome | FleetError> {
  const [{ beginRun, takeLock }, { executeWorkerTrial }, { watchFleet }] = await Promise.all([
    import('../../ledger/queries/runs.ts'),
    import('../../workflows/trials/try-workers.ts'),
    import('../../workflows/trials/watch-fleet.ts'),
  ]);
  const lock = await takeLock(context.ledger, context.desk.waitMs, {
    command: 'init',
    signal: context.signal,
    onWait: (text) => context.report({ kind: 'phase', text }),
  }).catch((error: unknown) => {
    if (error instanceof FleetError) return error;
    throw error;
  });
  if (lock instanceof FleetError) return lock;
  const watch = watchFleet(context, context.inventory.hosts, context.freshRemoteFor);
  try {
    const acts = await actsOf(
      context,
      await beginRun(context.ledger, 'init', context.now()),
      trial,
      stale,
    );
    return await executeWorkerTrial(context, canary, acts, watch);
  } finally {
    await watch.close();
    await lock.release();
  }
}

const lastTrial = async (context: OpenContext) => {
  const { lastCanary } = await import('../../ledger/queries/canaries.ts');
  return lastCanary(context.ledger.db, 'workers');
};

/**
 * Before hosts get this release: one that was put back is refused, and one that is being put back
 * goes on with that instead. Null: go on. Errors: `canary`.
 */
export async function putBackTried(
  context: OpenContext,
  release: string | null,
  trial: ReleaseTrial,
): Promise<RestartReport | null> {
  const { refusePutBack } = await import('../../workflows/trials/try-workers.ts');
  const last = await lastTrial(context);
  refusePutBack(last, release, trial.wishes.count);
  if (last?.phase !== 'returning' || last.mark !== release || trial.wishes.count !== null)
    return null;
  return reported(await carry(context, last, trial, []));
}

/**
 * After hosts became ready: workers of an earlier release are restarted, on a few accounts first
 * where that is wished or was begun.
 */
export async function restartTried(
  context: OpenContext,
  outcomes: readonly HostInitOutcome[],
  release: string,
  trial: ReleaseTrial,
): Promise<RestartReport> {
  const [{ findStaleWorkers }, { beginWorkerTrial, goesOn }] = await Promise.all([
    import('../../workflows/init/stale-workers.ts'),
    import('../../workflows/trials/try-workers.ts'),
  ]);
  const last = await lastTrial(context);
  const owned = (await findStaleWorkers(context, outcomes)).filter(
    ({ account }) => account !== null,
  );
  const isTried =
    goesOn(last, release, trial.wishes.count) ||
    ((trial.wishes.count ?? 0) > 0 && owned.length > 0);
  const isRefused = isTried && (await refusal(context, owned)) !== null;
  if (isRefused) return restartStale(context, outcomes, true);
  const workers = owned.map(({ account, host }: StaleWorker) => ({
    name: account?.name ?? '',
    host: host.name,
  }));
  const canary = await beginWorkerTrial(context, workers, release, trial.wishes, last);
  if (canary === null) return restartStale(context, outcomes);
  return reported(await carry(context, canary, trial, owned));
}

function reported(outcome: TrialOutcome | FleetError): RestartReport {
  if (outcome instanceof FleetError) return { data: { canary: null }, text: '', errors: [outcome] };
  const { canary, verdict } = outcome;
  const { accounts, others, watchMs, maxErrors, phase } = canary;
  return {
    data: { canary: { accounts, others, watchMs, maxErrors, phase, verdict } },
    text: '',
    trial: outcome,
    errors: trialErrors(outcome),
  };
}
