import type { Canary } from '../../ledger/queries/canaries.ts';
import {
  type CanaryReading,
  type CanaryVerdict,
  judgeCanary,
} from '../../planning/advice/canary.ts';
import type { FleetContext } from '../context.ts';
import type { FleetMoment, FleetWatch, WatchedAccount } from './watch-fleet.ts';

/** Looks in a watch at most, between one a second and one every half minute. */
const looksPerWatch = 20;
const lookEveryMs = (watchMs: number): number =>
  Math.min(30_000, Math.max(1_000, watchMs / looksPerWatch));

/**
 * Answers that did not come to be: the model's server, or Telegram, would not. A fallback text that
 * was said instead of the model's counts as one, too.
 */
function failedIn(counters: Readonly<Record<string, number>>): number {
  const of = (...names: readonly string[]): number =>
    names.reduce((sum, name) => sum + (counters[name] ?? 0), 0);
  return (
    Math.max(of('model_failures'), of('skipped_model_failed', 'skipped_model_refused')) +
    of('skipped_send_failed')
  );
}

function readingOf(
  { name, state, measured }: WatchedAccount,
  canaries: ReadonlySet<string>,
): CanaryReading {
  const counters = measured?.status?.counters ?? {};
  return {
    ...{ account: name, isCanary: canaries.has(name), state: measured === null ? null : state },
    ...{
      restarts: measured?.unit.restarts ?? null,
      answered: counters.answered ?? 0,
      failed: failedIn(counters),
    },
  };
}

/** Of those that try it, and of those that run beside them. */
const readingsOf = ({ accounts }: FleetMoment, canaries: ReadonlySet<string>): CanaryReading[] =>
  accounts.filter(({ host }) => host !== null).map((account) => readingOf(account, canaries));

/**
 * Looks at the trial until its time is over or it is known to be worse. Null: Ctrl-C; nobody knows
 * yet.
 */
export async function watchTrial(
  context: FleetContext,
  { accounts, watchMs, maxErrors }: Canary,
  watch: FleetWatch,
): Promise<CanaryVerdict | null> {
  const canaries = new Set(accounts);
  const looks: CanaryReading[][] = [];
  const endMs = context.now() + watchMs;
  for (;;) {
    const moment = await watch.look();
    if (context.signal.aborted) return null;
    looks.push(readingsOf(moment, canaries));
    const leftMs = endMs - context.now();
    const verdict = judgeCanary(looks, maxErrors, leftMs <= 0);
    if (verdict.isWorse || leftMs <= 0) return verdict;
    const text =
      `watching ${accounts.join(', ')} for ${Math.ceil(leftMs / 1000)} s more: ` +
      `${verdict.reason}`;
    context.report({ kind: 'phase', text, isBrief: looks.length > 1 });
    await context.pause(Math.min(leftMs, lookEveryMs(watchMs)), context.signal);
    if (context.signal.aborted) return null;
  }
}
