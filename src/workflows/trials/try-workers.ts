import { advanceCanary, type Canary, insertCanary } from '../../ledger/queries/canaries.ts';
import { recordEvent } from '../../ledger/queries/events.ts';
import type { CanaryPhase } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import { type CanaryVerdict, chooseCanaries } from '../../planning/advice/canary.ts';
import type { FleetContext } from '../context.ts';
import { isTrialOpen, type TrialOutcome, type TrialWishes } from './try-scripts.ts';
import type { FleetWatch } from './watch-fleet.ts';
import { watchTrial } from './watch-trial.ts';

/** What a trial of a release does to hosts. Both give what failed, and are safe to repeat. */
export interface WorkerActs {
  /**
   * Those of the accounts whose worker is not of their host's release, one after the other on each
   * host.
   */
  restart(accounts: readonly string[]): Promise<readonly FleetError[]>;
  /** Every host of the accounts gets back the release before. */
  putBack(accounts: readonly string[]): Promise<readonly FleetError[]>;
}

/**
 * Errors `canary`: this release was tried and put back, and nobody says that it is to be tried
 * again. Pure.
 */
export function refusePutBack(
  last: Canary | null,
  release: string | null,
  count: number | null,
): void {
  if (last === null || last.phase !== 'put-back' || last.mark !== release || count !== null) return;
  throw new FleetError(
    'canary',
    `this release was put back after a trial on ${last.accounts.join(', ')}: ${last.note}`,
    {
      hint:
        'update fleet; or try it once more: fleet init --canary COUNT; on all accounts ' +
        'whatever it says: --canary 0',
    },
  );
}

/** Whether a trial of this release is under way, and is to be carried on. Pure. */
export const goesOn = (last: Canary | null, release: string, count: number | null): boolean =>
  last !== null && isTrialOpen(last) && last.mark === release && count !== 0;

/**
 * The trial that a restart of these workers is: the one that was begun with this release, a new
 * one, or none (null: all at once).
 */
export async function beginWorkerTrial(
  context: FleetContext,
  workers: readonly { readonly name: string; readonly host: string }[],
  release: string,
  { count, watchMs, maxErrors }: TrialWishes,
  last: Canary | null,
): Promise<Canary | null> {
  const { db } = context.ledger;
  if (last !== null && goesOn(last, release, count)) return last;
  // One that was put back is refused as long as nothing else follows it.
  if (last !== null && last.phase !== 'done')
    await advanceCanary(db, last, 'done', context.now(), 'something else followed');
  if (count === null || count === 0 || workers.length === 0) return null;
  const accounts = chooseCanaries(workers, count);
  const others = workers.map(({ name }) => name).filter((name) => !accounts.includes(name));
  const about = {
    kind: 'workers',
    mark: release,
    accounts,
    others,
    before: new Map(),
    watchMs,
    maxErrors,
  } as const;
  return insertCanary(db, { ...about, begunAtMs: context.now() });
}

/**
 * Carries a trial of a release from wherever it stands to its end. Each phase is journaled before
 * its act; a run that was killed is continued by the next.
 */
export async function executeWorkerTrial(
  context: FleetContext,
  begun: Canary,
  acts: WorkerActs,
  watch: FleetWatch,
): Promise<TrialOutcome> {
  let canary = begun;
  let verdict: CanaryVerdict | null = null;
  const errors: FleetError[] = [];
  const advance = async (phase: CanaryPhase, note?: string): Promise<void> => {
    canary = await advanceCanary(context.ledger.db, canary, phase, context.now(), note);
  };
  while (isTrialOpen(canary)) {
    if (context.signal.aborted)
      return { canary, verdict, errors: [...errors, interrupted(canary)] };
    if (canary.phase === 'begun') {
      const failed = await acts.restart(canary.accounts);
      const ill = failed.find(({ code }) => code === 'account-offline');
      if (ill === undefined && failed.length > 0)
        return { canary, verdict, errors: [...errors, ...failed] };
      await advance(ill === undefined ? 'watching' : 'returning', ill?.message ?? '');
    } else if (canary.phase === 'watching') {
      verdict = await watchTrial(context, canary, watch);
      if (verdict !== null)
        await advance(
          verdict.isWorse ? 'returning' : 'spreading',
          verdict.isWorse ? verdict.reason : '',
        );
    } else if (canary.phase === 'spreading') {
      const failed = await acts.restart(canary.others);
      errors.push(...failed);
      if (failed.length > 0) return { canary, verdict, errors };
      await advance('done');
    } else {
      const failed = await acts.putBack([...canary.accounts, ...canary.others]);
      errors.push(...failed);
      if (failed.length > 0) return { canary, verdict, errors };
      errors.push(...(await acts.restart(canary.accounts)));
      await advance('put-back');
    }
  }
  const about = { at: context.now(), release: canary.mark, accounts: canary.accounts };
  await recordEvent(
    context.ledger.db,
    canary.phase === 'put-back'
      ? { ...about, kind: 'release-put-back', why: canary.note }
      : { ...about, kind: 'release-done' },
  );
  return { canary, verdict, errors };
}

const interrupted = ({ accounts }: Canary): FleetError =>
  new FleetError(
    'interrupted',
    `the trial of the new release on ${accounts.join(', ')} is open: nobody knows yet how it ends`,
    {
      hint:
        'fleet init goes on with it; fleet init --rollback and fleet accounts restart put ' +
        'the release back by hand',
    },
  );
