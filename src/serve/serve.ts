/** A server of the fleet, from its start to its end. */
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readSecret } from '../inventory/read-secret.ts';
import { accessTo, openLedger } from '../ledger/ledger.ts';
import { ledgerVersion, pruneServing, type RecordRow } from '../ledger/queries/serving.ts';
import { serialCopyIn } from '../ledger/serial-copy.ts';
import { FleetError, type FleetErrorCode } from '../model/errors.ts';
import type { LedgerPlace } from '../model/ledger-place.ts';
import { packageRoot } from '../release/package-root.ts';
import type { Verb } from '../verbs/verb.ts';
import { openAnswers } from './answers.ts';
import { buildApp, type LogEntry } from './http/app.ts';
import { readDashboard } from './http/dashboard.ts';
import { openJobs } from './jobs.ts';
import { type ListenWishes, listenAt, placeOf, readTls } from './listen.ts';
import { offersOf } from './offers.ts';
import { openPlans } from './plans.ts';
import { Problem } from './problem.ts';
import { openRunPool, type RunPool } from './run-pool.ts';
import { type HostScope, isAboutOthers } from './runs/host-scope.ts';
import { openStreams } from './stream.ts';

export interface ServeOptions extends ListenWishes {
  readonly verbs: readonly Verb[];
  /** Its path. */
  readonly inventory: string;
  /** What `fleet` itself was started from. */
  readonly program: string;
  readonly rate: number;
  readonly requestLimitMs: number;
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly log: (entry: LogEntry) => void;
}

/** How it ended. */
export interface Served {
  readonly at: string;
  /** Jobs that were at work when it was stopped; each has ended since, between two acts. */
  readonly jobs: readonly string[];
}

/** Looks end before a client is cut off, ms. */
const lookLimitMs = 50_000;
const looksAtOnce = 2;
const answerBytes = 24 * 1024 * 1024;
/** Plans, answers and jobs are kept so long, ms; they are looked through so often, ms. */
const keptMs = 30 * 86_400_000;
const pruneEveryMs = 3_600_000;

/** What a token limited to hosts must not see; asked of a process that knows the fleet. */
function hiddenWords(pool: RunPool, version: () => Promise<string>) {
  const known = new Map<string, { readonly version: string; readonly scope: HostScope }>();
  return async (hosts: string | null): Promise<(record: RecordRow) => boolean> => {
    if (hosts === null) return () => false;
    const current = await version();
    let its = known.get(hosts);
    if (its?.version !== current) {
      const { hidden } = (await pool.look({ ...noVerb, mode: 'words', hosts })).head;
      const words = Array.isArray(hidden) ? hidden.map(String) : [];
      const nobody: ReadonlySet<string> = new Set();
      const scope = { hosts: nobody, accounts: nobody, hidden: new Set(words) };
      its = { version: current, scope };
      known.set(hosts, its);
    }
    const { scope } = its;
    return (record) => isAboutOthers(record, scope);
  };
}

const noVerb = { verb: '', input: {}, hosts: null, digest: null } as const;

/**
 * Where the ledger is. The inventory itself is read elsewhere: a large one would stay in memory.
 */
async function ledgerPlaceOf(pool: RunPool): Promise<LedgerPlace> {
  try {
    // From a process of this program, which has checked it.
    return (await pool.look({ ...noVerb, mode: 'facts' })).head.ledger as unknown as LedgerPlace;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const { code, detail, hint, problems = [] } = error.facts;
    throw new FleetError(code as FleetErrorCode, detail, { hint, problems });
  }
}

const signatureOf = (path: string): string => {
  const facts = statSync(path, { throwIfNoEntry: false });
  return facts === undefined ? '' : `${facts.ino} ${facts.size} ${facts.mtimeMs}`;
};

/** Everything that answers; `inventory` is its path. */
async function open(options: ServeOptions, pool: RunPool) {
  const { fastify } = await import('fastify');
  const note = (text: string): void => options.log({ kind: 'note', text });
  const tls = await readTls(options);
  const surroundings = { cwd: dirname(options.inventory), env: process.env };
  const access = accessTo(await ledgerPlaceOf(pool), (each) => readSecret(each, surroundings));
  const ledger = await openLedger(access, undefined, serialCopyIn(process.env));
  let generation = 0;
  const version = async (): Promise<string> =>
    `${await ledgerVersion(ledger.db)} ${generation} ${signatureOf(options.inventory)}`;
  const changed = (): void => {
    generation += 1;
  };
  const jobs = openJobs({ ledger, pool, now: Date.now, changed, log: note });
  const streams = openStreams({ db: ledger.db, hidden: hiddenWords(pool, version), log: note });
  const app = buildApp(fastify, {
    ...{ db: ledger.db, rate: options.rate, requestLimitMs: options.requestLimitMs, tls },
    services: {
      offers: offersOf(options.verbs),
      openapi: await readFile(join(packageRoot(), 'docs', 'openapi.json'), 'utf8'),
      answers: openAnswers({ version, now: Date.now, bytes: answerBytes }),
      ...{ pool, jobs, streams, plans: openPlans({ ledger, pool, jobs, now: Date.now }) },
      isHealthy: () =>
        ledgerVersion(ledger.db).then(
          () => true,
          () => false,
        ),
    },
    dashboard: await readDashboard(packageRoot()),
    log: options.log,
  });
  return { app, jobs, streams, ledger };
}

const ended = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/**
 * Listens until it is told to end. Errors: `usage`, for a place that cannot be had; those of
 * inventory and ledger.
 */
export async function serve(options: ServeOptions): Promise<Served> {
  const { log, signal } = options;
  const place = placeOf(options);
  const note = (text: string): void => log({ kind: 'note', text });
  const pool = openRunPool({
    ...{ program: options.program, inventory: options.inventory, looks: looksAtOnce },
    ...{ lookLimitMs, log: note },
  });
  try {
    const { app, jobs, streams, ledger } = await open(options, pool);
    const prune = (): void =>
      void pruneServing(ledger.db, Date.now() - keptMs).catch((cause: unknown) =>
        note(String(cause)),
      );
    const timer = setInterval(prune, pruneEveryMs);
    try {
      const at = await listenAt(app, place);
      prune();
      note(`listening at ${at}`);
      await ended(signal);
      note('stopping: no new requests; acts end between two steps');
      streams.close();
      const closed = app.close();
      await pool.close();
      const open = await jobs.close();
      await closed;
      for (const job of open) note(`job ${job} was at work, and has ended`);
      return { at, jobs: open };
    } finally {
      clearInterval(timer);
      await app.close();
      await ledger.close();
    }
  } finally {
    await pool.close();
  }
}
