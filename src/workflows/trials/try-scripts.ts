import type { Behaviour } from '../../../hostside/protocol/behaviour.ts';
import {
  advanceCanary,
  type Canary,
  insertCanary,
  lastCanary,
} from '../../ledger/queries/canaries.ts';
import { recordEvent } from '../../ledger/queries/events.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import type { CanaryPhase } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import { type CanaryVerdict, chooseCanaries } from '../../planning/advice/canary.ts';
import {
  formatBehaviour,
  readAnsweringAccounts,
  renderBehaviour,
} from '../answers/answer-behaviour.ts';
import { contentMark } from '../answers/held-behaviours.ts';
import { type PushPlan, planPush, pushBehaviours } from '../answers/push-scripts.ts';
import type { FleetContext } from '../context.ts';
import type { FleetWatch } from './watch-fleet.ts';
import { watchTrial } from './watch-trial.ts';

/** What the operator says about a trial. */
export interface TrialWishes {
  /** So many accounts first; 0: none, all at once; null: not said. */
  readonly count: number | null;
  readonly watchMs: number;
  /** 0-1. */
  readonly maxErrors: number;
}

/** What a push does about trials. */
export type ScriptTrial =
  /** All at once; a trial before it is over. */
  | { readonly kind: 'none'; readonly over: Canary | null }
  | { readonly kind: 'resumed'; readonly canary: Canary }
  | {
      readonly kind: 'new';
      readonly over: Canary | null;
      readonly draft: Omit<Canary, 'id' | 'phase' | 'note'>;
    };

const endings: readonly CanaryPhase[] = ['put-back', 'done'];
export const isTrialOpen = ({ phase }: Pick<Canary, 'phase'>): boolean => !endings.includes(phase);

const refused = (canary: Canary): FleetError =>
  new FleetError('canary', `these scripts were put back: ${canary.note}`, {
    hint:
      'change them, or try them once more: fleet scripts push --canary COUNT; on all ' +
      'accounts whatever it says: --canary 0',
  });

/** What the operator's files say for these accounts, whatever is held back. */
async function wantedFor(context: FleetContext, names: readonly string[]): Promise<Behaviour[]> {
  const fleet = await readAnsweringAccounts(context, new Map());
  return fleet
    .filter(({ account }) => names.includes(account.name))
    .map((own) => renderBehaviour(context.inventory, own, fleet));
}

/**
 * Decides about a trial of what `plan` would push; the plan is made without what is held back.
 * Errors: `usage`, `canary`.
 */
export async function planTrial(
  context: FleetContext,
  plan: PushPlan,
  names: readonly string[],
  wishes: TrialWishes,
): Promise<ScriptTrial> {
  const last = await lastCanary(context.ledger.db, 'scripts');
  const isHolding = last !== null && last.phase !== 'done';
  const members = isHolding ? [...last.accounts, ...last.others] : [];
  if (names.length > 0) {
    if (wishes.count !== null)
      throw new FleetError('usage', '--canary goes with all accounts', {
        hint: 'leave out the names',
      });
    const held = members.find((name) => names.includes(name));
    if (held !== undefined) throw heldError(held);
    return { kind: 'none', over: null };
  }
  if (!isHolding)
    return wishes.count === null || wishes.count === 0
      ? { kind: 'none', over: null }
      : draftTrial(context, plan, wishes.count, wishes, null);
  if (wishes.count === 0) return { kind: 'none', over: last };
  const isSame = contentMark(await wantedFor(context, members)) === last.mark;
  if (isTrialOpen(last)) {
    if (isSame || last.phase === 'returning') return { kind: 'resumed', canary: last };
    return draftTrial(
      context,
      plan,
      wishes.count ?? last.accounts.length,
      { ...last, ...(wishes.count === null ? {} : wishes) },
      last,
    );
  }
  if (wishes.count !== null) return draftTrial(context, plan, wishes.count, wishes, last);
  if (isSame) throw refused(last);
  return { kind: 'none', over: last };
}

const heldError = (account: string): FleetError =>
  new FleetError('canary', `a trial of new scripts holds ${account} at what it had before`, {
    account,
    hint:
      'end the trial first: fleet scripts push goes on with it, with --canary 0 all ' +
      'accounts get the new scripts at once',
  });

/** Refuses what would be held back anyway. Errors: `canary`. */
export async function refuseHeld(context: FleetContext, name: string): Promise<void> {
  const last = await lastCanary(context.ledger.db, 'scripts');
  if (last !== null && last.phase !== 'done' && last.before.has(name)) throw heldError(name);
}

async function draftTrial(
  context: FleetContext,
  plan: PushPlan,
  count: number,
  { watchMs, maxErrors }: Pick<Canary, 'watchMs' | 'maxErrors'>,
  over: Canary | null,
): Promise<ScriptTrial> {
  const onHosts = new Map(
    plan.befores.map((behaviour) => [behaviour.account, formatBehaviour(behaviour)]),
  );
  const before = new Map([...onHosts, ...(over?.before ?? [])]);
  const fleet = await readAnsweringAccounts(context, new Map());
  const wanted = new Map(
    fleet.map((own) => [own.account.name, renderBehaviour(context.inventory, own, fleet)]),
  );
  const isNew = (name: string): boolean => {
    const [had, wants] = [before.get(name), wanted.get(name)];
    return (
      had !== undefined &&
      wants !== undefined &&
      contentMark([JSON.parse(had) as Behaviour]) !== contentMark([wants])
    );
  };
  const concerned = fleet.map(({ account }) => account).filter(({ name }) => isNew(name));
  if (concerned.length === 0) return { kind: 'none', over };
  const able = concerned.filter(
    ({ state, paused, host }) => state === 'online' && paused === 0 && host !== null,
  );
  const again =
    over === null
      ? []
      : able.filter(({ name }) => over.accounts.includes(name)).map(({ name }) => name);
  const fresh = chooseCanaries(
    able.map(({ name, host }) => ({ name, host: host ?? '' })),
    able.length,
  );
  const accounts = [...new Set([...again, ...fresh])].slice(0, count);
  if (accounts.length === 0)
    throw new FleetError(
      'canary',
      'none of the accounts that would get the new scripts is online',
      {
        hint: 'fleet status says what holds them; without a trial: --canary 0',
      },
    );
  const others = concerned.map(({ name }) => name).filter((name) => !accounts.includes(name));
  const members = [...accounts, ...others];
  const mark = contentMark(members.flatMap((name) => wanted.get(name) ?? []));
  const kept = new Map(members.map((name) => [name, before.get(name) ?? '']));
  const draft = {
    kind: 'scripts',
    mark,
    accounts,
    others,
    before: kept,
    watchMs,
    maxErrors,
    begunAtMs: context.now(),
  } as const;
  return { kind: 'new', over, draft };
}

export interface TrialOutcome {
  readonly canary: Canary;
  /** Null: it was not watched to its end, in this run or in the one before. */
  readonly verdict: CanaryVerdict | null;
  readonly errors: readonly FleetError[];
}

/**
 * Carries a trial from wherever it stands to its end: those that try it get it, are watched, then
 * the others get it or it is put back. Each phase is journaled
 * before its act, and what a phase means for every account is held by all commands that push, so
 * that one that was killed goes on by the same command, and a
 * sweep in between changes nothing about it. Errors are in the outcome.
 */
export async function executeTrial(
  context: FleetContext,
  run: Run,
  trial: Exclude<ScriptTrial, { kind: 'none' }>,
  watch: FleetWatch,
): Promise<TrialOutcome> {
  const { db } = context.ledger;
  let canary = trial.kind === 'resumed' ? trial.canary : await begin(context, trial);
  let verdict: CanaryVerdict | null = null;
  const errors: FleetError[] = [];
  const advance = async (phase: CanaryPhase, note?: string): Promise<void> => {
    canary = await advanceCanary(db, canary, phase, context.now(), note);
  };
  while (isTrialOpen(canary)) {
    if (context.signal.aborted)
      return { canary, verdict, errors: [...errors, interrupted(canary)] };
    if (canary.phase === 'watching') {
      verdict = await watchTrial(context, canary, watch);
      if (verdict === null) continue;
      await advance(
        verdict.isWorse ? 'returning' : 'spreading',
        verdict.isWorse ? verdict.reason : '',
      );
      continue;
    }
    const failed = await pushPhase(context, run);
    errors.push(...failed);
    if (canary.phase === 'begun') {
      const tries = new Set(canary.accounts);
      if (
        failed.some(
          ({ account, host }) => account === undefined || tries.has(account) || host === undefined,
        )
      )
        return { canary, verdict, errors };
      await advance('watching');
    } else await advance(canary.phase === 'spreading' ? 'done' : 'put-back');
  }
  await note(context, canary);
  return { canary, verdict, errors };
}

async function begin(
  context: FleetContext,
  { over, draft }: Extract<ScriptTrial, { kind: 'new' }>,
): Promise<Canary> {
  return context.ledger.db.transaction().execute(async (transaction) => {
    if (over !== null)
      await advanceCanary(transaction, over, 'done', context.now(), 'another trial followed');
    return insertCanary(transaction, draft);
  });
}

/** Everybody gets what the phase says for it. Gives what failed. */
async function pushPhase(context: FleetContext, run: Run): Promise<readonly FleetError[]> {
  const plan = await planPush(context, []);
  const changes = plan.changes.filter((change) => change.changes.length > 0);
  const { errors } = await pushBehaviours(context, run, { ...plan, changes });
  return [...plan.errors, ...errors];
}

const interrupted = ({ accounts }: Canary): FleetError =>
  new FleetError(
    'interrupted',
    `the trial on ${accounts.join(', ')} is open: nobody knows yet how it ends`,
    {
      hint:
        'fleet scripts push goes on with it; with the scripts as they were before, it puts ' +
        'them back',
    },
  );

async function note(context: FleetContext, { phase, note: why, accounts }: Canary): Promise<void> {
  const at = context.now();
  await recordEvent(
    context.ledger.db,
    phase === 'put-back'
      ? { at, kind: 'scripts-put-back', accounts, why }
      : { at, kind: 'scripts-done', accounts },
  );
}

/** A push of everything at once ends what was held back. */
export async function endTrial(context: FleetContext, over: Canary | null): Promise<void> {
  if (over !== null && over.phase !== 'done')
    await advanceCanary(context.ledger.db, over, 'done', context.now(), 'all accounts at once');
}
