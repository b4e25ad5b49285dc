/** The two steps of an act: a plan that is shown, and that very plan carried out. */
import { createHash, randomUUID } from 'node:crypto';
import type { Ledger } from '../ledger/ledger.ts';
import {
  claimAnswer,
  claimPlan,
  dropAnswer,
  findPlan,
  insertPlan,
  keepAnswer,
} from '../ledger/queries/serving.ts';
import { type Caller, type Jobs, newJobId } from './jobs.ts';
import type { Offer } from './offers.ts';
import { Problem, problemFacts, refusal } from './problem.ts';
import type { RunPool } from './run-pool.ts';

/** What is sent back. */
export interface Sent {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A request that changes something. `key`: of `Idempotency-Key`. */
export interface Wish {
  readonly caller: Caller;
  readonly key: string | undefined;
  /** Of method, path and body. */
  readonly digest: string;
}

export interface Plans {
  plan(wish: Wish, offer: Offer, input: unknown): Promise<Sent>;
  /** Errors: 404; 409 `plan-stale`. */
  apply(wish: Wish, id: string): Promise<Sent>;
  /** An act without a plan. */
  act(wish: Wish, offer: Offer, input: unknown): Promise<Sent>;
  /** A session file; `bytes` are overwritten when it was taken. */
  upload(wish: Wish, name: string, bytes: Buffer): Promise<Sent>;
}

/** A plan that is older is not carried out, ms. */
const planLastsMs = 3_600_000;
/** A request that was not answered for so long was cut off before it did anything, ms. */
const lostAfterMs = 120_000;

export const digestOf = (...parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex');

/** The same of bytes. */
export const digestOfBytes = (bytes: Buffer): string =>
  createHash('sha256').update(bytes).digest('hex');

const sent = (status: number, body: object, headers: Sent['headers'] = {}): Sent => ({
  ...{ status, text: JSON.stringify(body), headers },
});

const jobSent = (id: string): Sent =>
  sent(202, { version: 1, job: id, see: `/v1/jobs/${id}` }, { location: `/v1/jobs/${id}` });

const stale = (detail: string): Problem =>
  new Problem(problemFacts(409, 'plan-stale', detail, 'Make a new plan and look at it.'));

interface PlansOptions {
  readonly ledger: Ledger;
  readonly pool: RunPool;
  readonly jobs: Jobs;
  readonly now: () => number;
}

/**
 * The same key and body: the same answer. What failed before anything was done may be tried
 * again.
 */
function onceFor({ db }: Ledger, now: () => number) {
  return async (wish: Wish, job: string | null, act: () => Promise<Sent>): Promise<Sent> => {
    const { key, digest, caller } = wish;
    if (key === undefined) return act();
    const place = { token: caller.token.id, key };
    const before = await claimAnswer(db, { ...place, digest, at: now(), job });
    if (before !== null) {
      if (before.digest !== digest)
        throw refusal(
          422,
          'idempotency',
          'This key was used for another request.',
          'Use a new key for it.',
        );
      const again = { 'idempotency-replayed': 'true' };
      if (before.status !== null)
        return { status: before.status, text: before.answer_json ?? '', headers: again };
      if (before.job !== null) return jobSent(before.job);
      if (before.at > now() - lostAfterMs)
        throw refusal(
          409,
          'idempotency',
          'The first request with this key is at work.',
          'Wait for its answer.',
        );
    }
    try {
      const answer = await act();
      await keepAnswer(db, place, answer);
      return answer;
    } catch (error) {
      await dropAnswer(db, place).catch(() => undefined);
      throw error;
    }
  };
}

export function openPlans({ ledger, pool, jobs, now }: PlansOptions): Plans {
  const { db } = ledger;
  const once = onceFor(ledger, now);
  const runOf = (offer: Pick<Offer, 'verb'>, input: unknown, { token }: Caller) => ({
    ...{ verb: offer.verb.name, input, hosts: token.hosts },
  });

  return {
    plan: (wish, offer, input) =>
      once(wish, null, async () => {
        const run = { ...runOf(offer, input, wish.caller), mode: 'plan', digest: null } as const;
        const { head, plan } = await pool.look(run);
        if (plan === null) return sent(200, { ...head, planId: null });
        const id = randomUUID();
        const expires = now() + planLastsMs;
        await insertPlan(db, {
          ...{ id, token: wish.caller.token.id, verb: offer.verb.name, digest: plan.digest },
          ...{ input_json: JSON.stringify(input), made_at: now(), expires_at: expires },
        });
        const apply = `/v1/plans/${id}/apply`;
        const about = { planId: id, question: plan.question, apply };
        return sent(200, { ...head, ...about, expires: new Date(expires).toISOString() });
      }),
    apply: (wish, id) => {
      const job = newJobId();
      return once(wish, job, async () => {
        const plan = await findPlan(db, id);
        if (plan === undefined)
          throw refusal(
            404,
            'not-found',
            'There is no such plan.',
            'Make one: POST what is to be done.',
          );
        if (plan.expires_at <= now()) throw stale('This plan is older than an hour.');
        if (plan.job !== null || !(await claimPlan(db, id, null, job)))
          throw stale('This plan was carried out before.');
        const input: unknown = JSON.parse(plan.input_json);
        const facts = { verb: plan.verb, input, hosts: wish.caller.token.hosts };
        await jobs.begin({
          ...{ id: job, caller: wish.caller },
          request: { ...facts, mode: 'apply', digest: plan.digest },
          release: async () => void (await claimPlan(db, id, job, null)),
        });
        return jobSent(job);
      });
    },
    upload: (wish, name, bytes) => {
      const job = newJobId();
      const facts = { mode: 'upload', verb: 'accounts import', hosts: null, digest: null } as const;
      const request = { ...facts, input: { name }, bytes };
      const release = async (): Promise<void> => undefined;
      const begin = async (): Promise<Sent> => {
        await jobs.begin({ id: job, caller: wish.caller, request, release });
        return jobSent(job);
      };
      return once(wish, job, begin).finally(() => bytes.fill(0));
    },
    act: (wish, offer, input) => {
      const job = newJobId();
      return once(wish, job, async () => {
        const request = { ...runOf(offer, input, wish.caller), mode: 'act', digest: null } as const;
        const release = async (): Promise<void> => undefined;
        await jobs.begin({ id: job, caller: wish.caller, request, release });
        return jobSent(job);
      });
    },
  };
}
