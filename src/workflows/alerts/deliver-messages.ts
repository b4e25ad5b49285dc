import { dirname } from 'node:path';
import type { Message } from '../../alerts/message.ts';
import { type Outgoing, retryAfterMs } from '../../alerts/outbox.ts';
import { ChannelRefusal, type ChannelWorld, channelWorldOf } from '../../channels/channel.ts';
import { beat } from '../../channels/heartbeat.ts';
import { openChannel } from '../../channels/open-channel.ts';
import { postAlerts } from '../../channels/prometheus-alerts.ts';
import {
  failingChannels,
  listAlerts,
  recordChannelFailure,
  recordChannelWell,
  recordDelivery,
  recordRefusal,
  recordTry,
  waitingMessages,
} from '../../ledger/queries/alerts.ts';
import type { AlertPolicy } from '../../model/alert-policy.ts';
import { FleetError } from '../../model/errors.ts';
import type { FleetContext } from '../context.ts';

/** Messages of one route in one sweep at most; the rest waits for the next. */
const messagesAtMost = 20;

export interface Delivery {
  /** Messages that some channel took. */
  readonly sent: number;
  /** Messages that wait for the next sweep. */
  readonly waiting: number;
  /** Channels that took nothing, one each, whether another one stepped in or not. */
  readonly problems: readonly FleetError[];
}

type Told = Pick<FleetContext, 'inventory' | 'ledger' | 'readSecret' | 'now' | 'signal'>;

/** How channels fare in one sweep. */
interface Fares {
  /** That failed in it, or took a message for some only. */
  readonly tried: Map<string, Try>;
  /** That want to be left alone; they are not asked. */
  readonly resting: ReadonlySet<string>;
}

/**
 * Sends what waits, oldest first, each message to the first channel of its route that takes it. A
 * channel that failed once is not tried again in this sweep, one that
 * wants to be left alone not before its time. What nobody took is tried again by a later sweep.
 * Alertmanagers are told all alerts that fire.
 */
export async function deliverMessages(
  context: FleetContext,
  policy: AlertPolicy,
): Promise<Delivery> {
  const fares: Fares = { tried: new Map(), resting: await restingChannels(context) };
  const waiting = await waitingMessages(context.ledger.db);
  const routes = new Map<string, Outgoing[]>();
  for (const outgoing of waiting) {
    const key = outgoing.route.join('\n');
    routes.set(key, [...(routes.get(key) ?? []), outgoing]);
  }
  const sent = await Promise.all(
    [...routes.values()].map(async (own) => {
      let count = 0;
      for (const outgoing of own.slice(0, messagesAtMost))
        if (await deliver(context, policy, outgoing, fares)) count += 1;
      return count;
    }),
  );
  await tellAlertmanagers(context, policy, fares);
  const total = sent.reduce((sum, count) => sum + count, 0);
  return { sent: total, waiting: waiting.length - total, problems: problemsIn(fares) };
}

const problemsIn = ({ tried }: Fares): FleetError[] =>
  [...tried.values()].flatMap(({ problem }) => (problem === null ? [] : [problem]));

/**
 * A pause can be a day at most; one that is longer, or begins later than now, was asked for before
 * this clock was set back.
 */
async function restingChannels({ ledger, now }: FleetContext): Promise<Set<string>> {
  const nowMs = now();
  const rows = await failingChannels(ledger.db);
  return new Set(
    rows
      .filter(
        ({ failed_at, rest_until }) =>
          failed_at <= nowMs && rest_until !== null && nowMs < rest_until,
      )
      .map(({ name }) => name),
  );
}

/** The world as channels see it. */
export const channelWorld = ({
  inventory,
  readSecret,
  now,
  signal,
}: Omit<Told, 'ledger'>): ChannelWorld =>
  channelWorldOf({ folder: dirname(inventory.path), readSecret, now, signal, limitMs: 10_000 });

async function deliver(
  context: FleetContext,
  policy: AlertPolicy,
  outgoing: Outgoing,
  { tried, resting }: Fares,
): Promise<boolean> {
  const { db } = context.ledger;
  if (
    outgoing.nextTryAt > context.now() &&
    outgoing.nextTryAt - context.now() <= retryAfterMs(outgoing.attempts)
  )
    return false;
  let last: FleetError | null = null;
  for (const name of outgoing.route.filter((each) => !resting.has(each))) {
    const known = tried.get(name);
    if (outgoing.isRefused && known?.isTaken !== false) await recordTry(db, outgoing.id);
    const now =
      known?.isTaken === false ? known : await trySend(context, policy, name, outgoing.message);
    if (now.problem !== null) tried.set(name, now);
    if (now.isTaken) {
      await recordDelivery(db, outgoing.id, name, context.now());
      return true;
    }
    last = now.problem;
  }
  const isLeftAlone = last === null && outgoing.route.length > 0;
  if (context.signal.aborted || isLeftAlone) return false;
  const attempts = outgoing.attempts + 1;
  const why = last?.message ?? 'it has no channel any more';
  await recordRefusal(db, outgoing.id, attempts, context.now() + retryAfterMs(attempts), why);
  return false;
}

export interface Try {
  readonly isTaken: boolean;
  /** Why it was not taken, or not by everybody there; null: all is well. */
  readonly problem: FleetError | null;
}

/** Sends one message over one channel, and keeps how that channel fares. */
export async function trySend(
  context: Told,
  policy: AlertPolicy,
  name: string,
  message: Message,
): Promise<Try> {
  const spec = policy.channels[name];
  if (spec === undefined) {
    const hint = 'its messages go to the next channel of their route';
    return {
      isTaken: false,
      problem: new FleetError('channel', `alerts: no channel is called ${name} any more`, { hint }),
    };
  }
  const tried = await attempt(() => openChannel(name, spec, channelWorld(context)).send(message));
  await noteChannel(context, name, tried.problem);
  return tried;
}

async function attempt(send: () => Promise<FleetError | null>): Promise<Try> {
  try {
    return { isTaken: true, problem: await send() };
  } catch (error) {
    if (error instanceof FleetError) return { isTaken: false, problem: error };
    throw error;
  }
}

/** What was cut short by the operator says nothing about a channel. */
async function noteChannel(
  { ledger, now, signal }: Told,
  name: string,
  problem: FleetError | null,
): Promise<void> {
  if (problem === null) return recordChannelWell(ledger.db, name);
  if (signal.aborted) return;
  const restMs = problem instanceof ChannelRefusal ? problem.retryAfterMs : null;
  const row = {
    name,
    failed_at: now(),
    problem: problem.message,
    hint: problem.hint,
    rest_until: restMs === null ? null : now() + restMs,
  };
  await recordChannelFailure(ledger.db, row);
}

/**
 * An Alertmanager keeps its own state: it is told all that fires at every sweep, and what does not
 * fire any more ends there by itself.
 */
async function tellAlertmanagers(
  context: FleetContext,
  policy: AlertPolicy,
  { tried, resting }: Fares,
): Promise<void> {
  const managers = Object.entries(policy.channels).filter(
    ([, { kind }]) => kind === 'alertmanager',
  );
  if (managers.length === 0) return;
  const alerts = await listAlerts(context.ledger.db);
  for (const [name, spec] of managers) {
    if (spec.kind !== 'alertmanager' || resting.has(name) || tried.has(name)) continue;
    const { problem } = await attempt(async () => {
      await postAlerts(name, spec, alerts, policy, context.inventory.fleet, channelWorld(context));
      return null;
    });
    if (problem !== null) tried.set(name, { isTaken: false, problem });
    await noteChannel(context, name, problem);
  }
}

/**
 * Tells whoever watches the sweeps that one has come to its end. Null: it was heard, or nobody is
 * to be told.
 */
export async function tellHeartbeat(
  context: FleetContext,
  policy: AlertPolicy,
): Promise<FleetError | null> {
  if (policy.heartbeat === null || context.signal.aborted) return null;
  try {
    await beat(policy.heartbeat, channelWorld(context));
    return null;
  } catch (error) {
    if (error instanceof FleetError) return error;
    throw error;
  }
}
