/** Acts that take long: begun, watched and, where their process died, said to be unknown. */
import { randomUUID } from 'node:crypto';
import type { Ledger } from '../ledger/ledger.ts';
import { recordEvent } from '../ledger/queries/events.ts';
import { listOpenMoves } from '../ledger/queries/moves.ts';
import { endJob, findJob, insertJob, listJobs } from '../ledger/queries/serving.ts';
import type { ApiJobRow, ApiTokenRow } from '../ledger/schema.ts';
import { endingCommandOf } from '../workflows/hosts/ending-command.ts';
import { Problem, type ProblemFacts, problemFacts, problemOf, refusal } from './problem.ts';
import { isAlive, processMark } from './process-mark.ts';
import { type RunPool, Vanished } from './run-pool.ts';
import type { RunRequest } from './runs/protocol.ts';

/** Who sends a request, and from where. */
export interface Caller {
  readonly token: ApiTokenRow;
  /** An address, or `a unix socket`. */
  readonly from: string;
}

export const calledBy = ({ token, from }: Caller): string => `token ${token.name} from ${from}`;

/** What is about to be done, in a line of the history. */
export interface JobPlan {
  readonly id: string;
  readonly caller: Caller;
  readonly request: RunRequest;
  /** It comes to nothing: whatever was reserved for it is free again. */
  readonly release: () => Promise<void>;
}

export interface Jobs {
  /**
   * Resolves as soon as it acts, or after a while. Errors: {@link Problem}, where it ended before
   * it could act.
   */
  begin(plan: JobPlan): Promise<void>;
  find(id: string, caller: Caller): Promise<Readonly<Record<string, unknown>>>;
  list(caller: Caller): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Resolves when none is left here; the names of those that were at work. */
  close(): Promise<readonly string[]>;
}

export interface JobsOptions {
  readonly ledger: Ledger;
  readonly pool: RunPool;
  readonly now: () => number;
  /** Something was changed: what was answered before does not hold any more. */
  readonly changed: () => void;
  readonly log: (text: string) => void;
}

/** An act that has not begun so long is answered for as a job, ms. */
const waitMs = 30_000;
const progressKept = 100;
const jobsListed = 1_000;

export const newJobId = (): string => randomUUID();

interface Running {
  readonly progress: string[];
  readonly end: Promise<void>;
}

const linesOf = (input: unknown): string => JSON.stringify(input).slice(0, 300);

export function openJobs(options: JobsOptions): Jobs {
  const { ledger, pool, now, changed, log } = options;
  const running = new Map<string, Running>();
  const owner = processMark();

  const finish = async (
    id: string,
    state: ApiJobRow['state'],
    end: Readonly<Record<string, unknown>>,
  ): Promise<void> => {
    changed();
    try {
      await endJob(ledger.db, id, { state, nowMs: now(), answer: JSON.stringify(end) });
    } catch (error) {
      // It is found to be unknown later on.
      log(`job ${id} has ended (${state}), and its end cannot be recorded: ${String(error)}`);
    }
  };

  const carryOut = async (plan: JobPlan, progress: string[], began: () => void): Promise<void> => {
    const { id, caller, request } = plan;
    let hasBegun = false;
    const ready = async (): Promise<void> => {
      const { verb, input } = request;
      const act = { by: calledBy(caller), verb, input: linesOf(input), job: id };
      await recordEvent(ledger.db, { at: now(), kind: 'api-act', ...act });
      hasBegun = true;
      began();
    };
    const note = (text: string): void => {
      progress.push(text);
      if (progress.length > progressKept) progress.shift();
    };
    try {
      const { head } = await pool.act(request, { progress: note, ready });
      await finish(id, head.ok === true ? 'done' : 'failed', { result: head });
    } catch (error) {
      const isUnknown = error instanceof Vanished && hasBegun;
      if (!hasBegun) await plan.release().catch(() => undefined);
      const problem = factsOf(error);
      await finish(id, isUnknown ? 'unknown' : 'failed', { problem });
      log(`job ${id} (${request.verb}): ${problem.detail}`);
      throw new Problem(problem);
    }
  };

  return {
    begin: async (plan) => {
      const { id, caller, request } = plan;
      const about = { token: caller.token.id, verb: request.verb, caller: calledBy(caller) };
      await insertJob(ledger.db, { ...about, id, state: 'running', owner, begun_at: now() });
      const progress: string[] = [];
      let began: () => void = () => undefined;
      const acting = new Promise<void>((resolve) => {
        began = resolve;
      });
      const work = carryOut(plan, progress, began);
      const end = work.catch(() => undefined).finally(() => void running.delete(id));
      running.set(id, { progress, end });
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, waitMs);
      });
      await Promise.race([acting, work, late]).finally(() => clearTimeout(timer));
    },
    find: async (id, { token }) => {
      const row = await findJob(ledger.db, id);
      if (row === undefined || (token.hosts !== null && row.token !== token.id))
        throw refusal(404, 'not-found', 'There is no such job.', 'GET /v1/jobs lists them.');
      const facts = { ...factsOfJob(row), progress: running.get(id)?.progress ?? [] };
      const end = row.answer_json === null ? {} : (JSON.parse(row.answer_json) as object);
      return stateOf(row) === 'unknown'
        ? { ...facts, ...end, ...(await openMoves(ledger)) }
        : { ...facts, ...end };
    },
    list: async ({ token }) => {
      const rows = await listJobs(ledger.db, jobsListed);
      return rows.filter((row) => token.hosts === null || row.token === token.id).map(factsOfJob);
    },
    close: async () => {
      const open = [...running];
      await Promise.all(open.map(([, { end }]) => end));
      return open.map(([id]) => id);
    },
  };
}

function factsOf(error: unknown): ProblemFacts {
  if (error instanceof Problem) return error.facts;
  if (!(error instanceof Vanished)) return problemOf(error);
  const hint = 'GET /v1/moves shows which moves are open and what ends each';
  return problemFacts(500, 'in-doubt', 'The process of this job ended without a word.', hint);
}

type Row = Omit<ApiJobRow, 'answer_json'>;

/** Whose server is gone, and left no word. */
const stateOf = ({ state, owner }: Row): ApiJobRow['state'] =>
  state === 'running' && !isAlive(owner) ? 'unknown' : state;

const timeOf = (ms: number | null): string | null =>
  ms === null ? null : new Date(ms).toISOString();

const factsOfJob = (row: Row): Readonly<Record<string, unknown>> => ({
  ...{ id: row.id, verb: row.verb, state: stateOf(row), by: row.caller },
  ...{ begunAt: timeOf(row.begun_at), endedAt: timeOf(row.ended_at) },
});

async function openMoves({ db }: Ledger): Promise<Readonly<Record<string, unknown>>> {
  const moves = await listOpenMoves(db);
  return {
    hint:
      moves.length === 0
        ? 'Nobody knows how far it came; no move is open.'
        : 'Nobody knows how far it came; these moves are open, each with what ends it.',
    openMoves: moves.map((move) => ({
      ...{ account: move.account, from: move.from_host, to: move.to_host, phase: move.phase },
      endedBy: endingCommandOf(move),
    })),
  };
}
