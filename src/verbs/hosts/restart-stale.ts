import { counted } from '../../model/counted.ts';
import { FleetError } from '../../model/errors.ts';
import type { Restart } from '../../workflows/accounts/restart-workers.ts';
import type { HostInitOutcome } from '../../workflows/init/init.ts';
import type { StaleWorker } from '../../workflows/init/stale-workers.ts';
import type { TrialOutcome } from '../../workflows/trials/try-scripts.ts';
import type { OpenContext } from '../open-context.ts';

export interface RestartReport {
  readonly data: Readonly<Record<string, unknown>>;
  /** For people. */
  readonly text: string;
  /** A trial of the release that has ended. */
  readonly trial?: TrialOutcome;
  readonly errors: readonly FleetError[];
}

const notAsked = 'run fleet init --yes to restart them, one at a time on each host';
const nothing: RestartReport = { data: {}, text: '', errors: [] };

/**
 * After hosts became ready: accounts whose own worker changed are restarted, when the operator
 * agrees and this ledger owns them. Otherwise they go on running as they are, and are
 * named. `isRefused`: the operator has not agreed.
 */
export async function restartStale(
  context: OpenContext,
  outcomes: readonly HostInitOutcome[],
  isRefused = false,
): Promise<RestartReport> {
  const { findStaleWorkers } = await import('../../workflows/init/stale-workers.ts');
  const workers = await findStaleWorkers(context, outcomes);
  if (workers.length === 0) return nothing;
  const owned = workers.filter(({ account }) => account !== null);
  const why =
    owned.length === 0
      ? 'this ledger does not own them: the one that does restarts them by fleet init'
      : isRefused
        ? notAsked
        : await refusal(context, owned);
  if (why !== null)
    return {
      data: { stale: workers.map(workerData), restarted: [] },
      text: stillOld(workers, why),
      errors: [],
    };
  const [{ beginRun, takeLock }, { isHeld, isNoRestart, restartWorkers }] = await Promise.all([
    import('../../ledger/queries/runs.ts'),
    import('../../workflows/accounts/restart-workers.ts'),
  ]);
  // The hosts are ready by now: another command at work must not hide that.
  const lock = await takeLock(context.ledger, context.desk.waitMs, {
    command: 'init',
    signal: context.signal,
    onWait: (text) => context.report({ kind: 'phase', text }),
  }).catch((error: unknown) => {
    if (error instanceof FleetError) return error;
    throw error;
  });
  if (lock instanceof FleetError) {
    return {
      data: { stale: workers.map(workerData), restarted: [] },
      text: stillOld(workers, lock.message),
      errors: [lock],
    };
  }
  try {
    const all = await restartWorkers(
      context,
      await beginRun(context.ledger, 'init', context.now()),
      restartsOf(owned),
    );
    // A release before that was put back: there is nothing to mend, and what runs there goes on.
    const strange = new Set(
      all.flatMap(({ code, host }) =>
        code === 'host-not-ready' && host !== undefined ? [host] : [],
      ),
    );
    const held = all.filter(isHeld).flatMap(({ account }) => account ?? []);
    const errors = all.filter((error) => !isNoRestart(error));
    const foreign = workers.filter(({ account }) => account === null);
    const failed = new Set(all.map(({ host }) => host));
    const done = owned.filter(({ host }) => !failed.has(host.name));
    const kept = owned.filter(({ host }) => strange.has(host.name));
    const text = [
      ...(done.length === 0
        ? []
        : [`Restarted with the new release: ${done.map(nameOf).join(', ')}`]),
      ...(foreign.length === 0 ? [] : [stillOld(foreign, 'this ledger does not own them')]),
      ...(kept.length === 0 ? [] : [goesOn(kept, [...strange])]),
      ...(held.length === 0
        ? []
        : [
            `Not restarted: ${held.join(', ')}. Their hosts hold them since a boot: fleet ` +
              'sweep gives them back.',
          ]),
    ].join('\n');
    return {
      data: { stale: [...foreign, ...kept].map(workerData), restarted: done.map(workerData) },
      text,
      errors,
    };
  } finally {
    await lock.release();
  }
}

const goesOn = (workers: readonly StaleWorker[], hosts: readonly string[]): string =>
  `Not restarted: ${workers.map(nameOf).join(', ')}. The programs on ${hosts.join(', ')} ` +
  'are of an earlier fleet, which this one cannot tell anything; the workers go on as they ' +
  'are.';

export const restartsOf = (workers: readonly StaleWorker[]): readonly Restart[] =>
  workers.flatMap(({ account, host }) =>
    account === null
      ? []
      : [
          {
            host,
            account,
            why: 'its worker is of an earlier release',
            acts: [],
            again: 'fleet init',
          },
        ],
  );

/** Null: go on. */
export async function refusal(
  { desk, progress }: OpenContext,
  owned: readonly StaleWorker[],
): Promise<string | null> {
  if (desk.isAgreed) return null;
  if (!desk.canAsk) return notAsked;
  await progress.hold();
  const question =
    `Restart ${counted(owned.length, 'account')} whose worker changed (${owned.map(nameOf).join(', ')}` +
    '), one at a time on each host?';
  return desk.agree(question, null).then(
    () => null,
    () => 'run fleet init again to restart them',
  );
}

const nameOf = ({ account, keyId }: StaleWorker): string => account?.name ?? keyId;
const workerData = (worker: StaleWorker): Record<string, unknown> => ({
  account: worker.account?.name ?? null,
  keyId: worker.keyId,
  host: worker.host.name,
  release: worker.release,
});

const stillOld = (workers: readonly StaleWorker[], why: string): string =>
  `Accounts that still run a worker of an earlier release (${why}):\n${workers
    .map(
      (worker) =>
        `  ${nameOf(worker)} on ${worker.host.name}: ` +
        `${worker.release === null ? 'a restart was interrupted' : `release ${worker.release}`}`,
    )
    .join('\n')}`;
