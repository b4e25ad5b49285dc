import { type WorkerState, workerExit } from '../../protocol/worker.ts';
import { classifyError, type ErrorClass, type Failure } from '../telegram/classify-error.ts';
import type { TelegramSelf } from '../telegram/telegram-port.ts';

/** Where an account stands. Plain data; `step` makes the next one. */
export interface Lifecycle {
  readonly state: WorkerState;
  /** Wall clock, ms. */
  readonly sinceMs: number;
  /** Empty when online. */
  readonly reason: string;
  readonly userId: string | null;
  readonly username?: string | null;
  readonly latencyMs: number | null;
  /** End of a flood wait, wall clock, ms. */
  readonly untilMs: number | null;
  /** Tries to connect since a connection last proved itself by a health check. */
  readonly tries: number;
  /** How often in a row Telegram said that it does not know the key. */
  readonly keyUnknown: number;
  readonly counters: Counters;
}

/** Since the start of the process. */
export interface Counters {
  readonly connects: number;
  readonly failed_connects: number;
  readonly lost_connections: number;
  readonly health_checks: number;
  readonly failed_health_checks: number;
  readonly flood_waits: number;
  readonly memory_warnings: number;
  /**
   * Time that was spent before it was first online and between two times online, ms; what still
   * lasts is not in it.
   */
  readonly offline_ms: number;
}

export type LifecycleEvent =
  | { readonly event: 'connected'; readonly self: TelegramSelf }
  | { readonly event: 'connect-failed'; readonly failure: Failure }
  /** A health check on the open connection. */
  | { readonly event: 'checked'; readonly self: TelegramSelf; readonly memoryBytes: number }
  | { readonly event: 'check-failed'; readonly failure: Failure }
  /** Telegram asked for a pause when something was to be said; the connection stands. */
  | { readonly event: 'flooded'; readonly failure: Failure }
  /** The connection has ended by itself. */
  | { readonly event: 'lost'; readonly failure: Failure };

/**
 * The only thing to do next; nothing else runs beside it. `connect`: close what is open, wait,
 * judge the claim, connect. `check`:
 * keep the connection, wait, ask.
 */
export type NextAct =
  | { readonly act: 'connect'; readonly afterMs: number }
  | { readonly act: 'check'; readonly afterMs: number }
  | { readonly act: 'end'; readonly exitCode: number };

export interface LifecycleRules {
  readonly healthIntervalMs: number;
  /** Before the first try after a loss. */
  readonly firstRetryMs: number;
  /** Three tries, 5 s apart. */
  readonly retryMs: number;
  readonly quickTries: number;
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  readonly keyUnknownRetryMs: number;
}

export const lifecycleRules: Omit<LifecycleRules, 'healthIntervalMs'> = {
  ...{ firstRetryMs: 1_000, retryMs: 5_000, quickTries: 3 },
  ...{ backoffMs: 10_000, maxBackoffMs: 300_000, keyUnknownRetryMs: 6_000 },
};

/** A worker that uses more is said to in the log and counted. */
export const memoryWarningBytes = 1024 ** 3;
/** Answers in a row that make an unknown key final. */
const keyUnknownLimit = 3;

export const startLifecycle = (nowMs: number): Lifecycle => ({
  ...{
    state: 'starting',
    sinceMs: nowMs,
    reason: 'connecting to Telegram',
    userId: null,
    latencyMs: null,
    untilMs: null,
    tries: 0,
    keyUnknown: 0,
  },
  counters: {
    ...{
      connects: 0,
      failed_connects: 0,
      lost_connections: 0,
      health_checks: 0,
      failed_health_checks: 0,
      flood_waits: 0,
      memory_warnings: 0,
      offline_ms: 0,
    },
  },
});

interface Step {
  readonly lifecycle: Lifecycle;
  readonly next: NextAct;
}

/** Wall clock in ms, and a random number in 0-1 for the jitter. */
export interface Moment {
  readonly nowMs: number;
  readonly random: number;
}

/** Pure: what an event makes of an account and what is to be done then. */
export const step = (
  before: Lifecycle,
  event: LifecycleEvent,
  rules: LifecycleRules,
  moment: Moment,
): Step => {
  const counted = { ...before, counters: count(before.counters, event) };
  switch (event.event) {
    case 'connected':
      return online({ ...counted, tries: counted.tries + 1 }, event.self, rules, moment);
    case 'checked':
      return online({ ...counted, tries: 0 }, event.self, rules, moment);
    case 'connect-failed':
      return failed({ ...counted, tries: counted.tries + 1 }, event, rules, moment);
    case 'check-failed':
    case 'flooded':
    case 'lost':
      return failed(counted, event, rules, moment);
  }
};

const online = (
  before: Lifecycle,
  { userId, username, latencyMs }: TelegramSelf,
  rules: LifecycleRules,
  { nowMs }: Moment,
): Step => ({
  lifecycle: { ...enter(before, 'online', '', nowMs), userId, username, latencyMs, keyUnknown: 0 },
  next: { act: 'check', afterMs: rules.healthIntervalMs },
});

type FailedEvent = Extract<LifecycleEvent, { readonly failure: Failure }>;

const failed = (
  before: Lifecycle,
  event: FailedEvent,
  rules: LifecycleRules,
  moment: Moment,
): Step => {
  const found = classifyError(event.failure);
  switch (found.class) {
    case 'flood-wait':
      return hold(
        before,
        found,
        event.event === 'check-failed' || event.event === 'flooded',
        moment,
      );
    case 'key-unknown':
      return keyUnknown(before, found.reason, event.failure, rules, moment);
    case 'transient':
      return retry({ ...before, keyUnknown: 0 }, found.reason, event, rules, moment);
    default:
      return end(before, found.class, found.reason, moment.nowMs);
  }
};

/**
 * In place: an open connection stays open, a closed one stays closed, until Telegram's time is
 * over.
 */
const hold = (
  before: Lifecycle,
  flood: Extract<ErrorClass, { class: 'flood-wait' }>,
  isOpen: boolean,
  { nowMs }: Moment,
): Step => {
  const afterMs = flood.seconds * 1000;
  const lifecycle = {
    ...enter(before, 'flood-wait', flood.reason, nowMs),
    untilMs: nowMs + afterMs,
  };
  return { lifecycle, next: isOpen ? { act: 'check', afterMs } : { act: 'connect', afterMs } };
};

/**
 * An answer to a request weighs twice: the connection stood, so that its server is the one that
 * knows the key.
 */
const keyUnknown = (
  before: Lifecycle,
  reason: string,
  failure: Failure,
  rules: LifecycleRules,
  { nowMs }: Moment,
): Step => {
  const answers = before.keyUnknown + (failure.kind === 'rpc' ? 2 : 1);
  if (answers >= keyUnknownLimit) return end(before, 'needs-login', reason, nowMs);
  const lifecycle = { ...enter(before, unreached(before), reason, nowMs), keyUnknown: answers };
  return { lifecycle, next: { act: 'connect', afterMs: rules.keyUnknownRetryMs } };
};

const retry = (
  before: Lifecycle,
  reason: string,
  { event, failure }: FailedEvent,
  rules: LifecycleRules,
  moment: Moment,
): Step => {
  const isUnanswered = failure.kind === 'network';
  const leftMs = (before.untilMs ?? 0) - moment.nowMs;
  // The try that brought the lost connection about did not fail.
  const failedTries = event === 'connect-failed' ? before.tries : Math.max(0, before.tries - 1);
  // Who does not answer at all may be back at any moment, and is not bothered; who answers with
  // trouble is.
  const isAway = isUnanswered && event === 'connect-failed' && failedTries >= rules.quickTries;
  const delayMs = isAway
    ? rules.retryMs * (0.5 + moment.random / 2)
    : retryDelayMs(failedTries, rules, moment.random);
  const afterMs = Math.max(Math.round(delayMs), leftMs);
  // The end of a flood wait stands although the connection was lost in it.
  if (leftMs > 0) return { lifecycle: before, next: { act: 'connect', afterMs } };
  const isOffline = event === 'connect-failed' && before.tries >= rules.quickTries;
  const lifecycle = enter(before, isOffline ? 'offline' : unreached(before), reason, moment.nowMs);
  return { lifecycle, next: { act: 'connect', afterMs } };
};

/** Before the account was ever online it is still starting; offline stays offline. */
const unreached = ({ state, counters }: Lifecycle): WorkerState => {
  if (state === 'offline') return 'offline';
  return counters.connects === 0 ? 'starting' : 'reconnecting';
};

const finalExit = {
  'needs-login': workerExit.needsLogin,
  duplicated: workerExit.duplicated,
  banned: workerExit.banned,
  misconfigured: workerExit.misconfigured,
} as const;

const end = (
  before: Lifecycle,
  state: keyof typeof finalExit,
  reason: string,
  nowMs: number,
): Step => ({
  lifecycle: enter(before, state, reason, nowMs),
  next: { act: 'end', exitCode: finalExit[state] },
});

/** `since` is kept within a state. */
export const enter = (
  before: Lifecycle,
  state: WorkerState,
  reason: string,
  nowMs: number,
): Lifecycle => {
  if (before.state === state) return { ...before, reason, untilMs: null };
  const away = before.state === 'online' ? 0 : Math.max(0, nowMs - before.sinceMs);
  const counters = { ...before.counters, offline_ms: before.counters.offline_ms + away };
  return { ...before, counters, state, reason, untilMs: null, sinceMs: nowMs };
};

/**
 * After so many `tries` that led to nothing lasting. The jitter spreads a fleet that lost Telegram
 * at the same moment: half of the delay is fixed.
 */
export const retryDelayMs = (tries: number, rules: LifecycleRules, random: number): number => {
  if (tries === 0) return Math.round(rules.firstRetryMs * (0.5 + random));
  if (tries < rules.quickTries) return rules.retryMs;
  const fullMs = Math.min(
    rules.backoffMs * 2 ** Math.min(tries - rules.quickTries, 20),
    rules.maxBackoffMs,
  );
  return Math.round(fullMs * (0.5 + random / 2));
};

const count = (before: Counters, event: LifecycleEvent): Counters => {
  const isFlood = 'failure' in event && classifyError(event.failure).class === 'flood-wait';
  const isHeavy = event.event === 'checked' && event.memoryBytes > memoryWarningBytes;
  const add = (value: number, isOne: boolean): number => value + (isOne ? 1 : 0);
  return {
    connects: add(before.connects, event.event === 'connected'),
    failed_connects: add(before.failed_connects, event.event === 'connect-failed'),
    lost_connections: add(before.lost_connections, event.event === 'lost'),
    health_checks: add(before.health_checks, event.event === 'checked'),
    failed_health_checks: add(before.failed_health_checks, event.event === 'check-failed'),
    flood_waits: add(before.flood_waits, isFlood),
    memory_warnings: add(before.memory_warnings, isHeavy),
    offline_ms: before.offline_ms,
  };
};
