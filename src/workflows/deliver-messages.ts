import { dirname } from 'node:path';
import type { Message } from '../alerts/message.ts';
import { type Outgoing, retryAfterMs } from '../alerts/outbox.ts';
import { ChannelRefusal } from '../channels/channel.ts';
import { beat } from '../channels/heartbeat.ts';
import { openChannel } from '../channels/open-channel.ts';
import { postAlerts } from '../channels/prometheus-alerts.ts';
import { listAlerts, recordDelivery, recordRefusal, waitingMessages } from '../ledger/alerts.ts';
import type { AlertPolicy } from '../model/alert-policy.ts';
import { FleetError } from '../model/errors.ts';
import type { FleetContext } from './context.ts';

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

/**
 * Sends what waits, oldest first, each message to the first channel of its route that takes it. A channel that failed once is not tried again in this sweep. What
 * nobody took is tried again by a later sweep. Alertmanagers are told all alerts that fire.
 */
export async function deliverMessages(context: FleetContext, policy: AlertPolicy): Promise<Delivery> {
  const broken = new Map<string, FleetError>();
  const waiting = await waitingMessages(context.ledger.db);
  const routes = new Map<string, Outgoing[]>();
  for (const outgoing of waiting) {
    const key = outgoing.route.join('\n');
    routes.set(key, [...(routes.get(key) ?? []), outgoing]);
  }
  const sent = await Promise.all(
    [...routes.values()].map(async (own) => {
      let count = 0;
      for (const outgoing of own.slice(0, messagesAtMost)) if (await deliver(context, policy, outgoing, broken)) count += 1;
      return count;
    }),
  );
  await tellAlertmanagers(context, policy, broken);
  const total = sent.reduce((sum, count) => sum + count, 0);
  return { sent: total, waiting: waiting.length - total, problems: [...broken.values()] };
}

/** The world as channels see it. */
export const channelWorld = (context: Pick<FleetContext, 'inventory' | 'readSecret' | 'now' | 'signal'>) => ({
  folder: dirname(context.inventory.path),
  readSecret: context.readSecret,
  now: context.now,
  signal: context.signal,
  limitMs: 10_000,
});

async function deliver(context: FleetContext, policy: AlertPolicy, outgoing: Outgoing, broken: Map<string, FleetError>): Promise<boolean> {
  const { db } = context.ledger;
  if (outgoing.nextTryAt > context.now() && outgoing.nextTryAt - context.now() <= retryAfterMs(outgoing.attempts)) return false;
  let last: FleetError | null = null;
  let retryMs = retryAfterMs(outgoing.attempts + 1);
  for (const name of outgoing.route) {
    const error = broken.get(name) ?? (await trySend(context, policy, name, outgoing.message));
    if (error === null) {
      await recordDelivery(db, outgoing.id, name, context.now());
      return true;
    }
    broken.set(name, error);
    last = error;
    if (error instanceof ChannelRefusal && error.retryAfterMs !== null) retryMs = Math.max(retryMs, error.retryAfterMs);
  }
  await recordRefusal(db, outgoing.id, outgoing.attempts + 1, context.now() + retryMs, last?.message ?? 'it has no channel any more');
  return false;
}

/** Null: it was taken. */
export async function trySend(
  context: Pick<FleetContext, 'inventory' | 'readSecret' | 'now' | 'signal'>,
  policy: AlertPolicy,
  name: string,
  message: Message,
): Promise<FleetError | null> {
  const spec = policy.channels[name];
  if (spec === undefined)
    return new FleetError('channel', `alerts: no channel is called ${name} any more`, {
      hint: 'its messages go to the next channel of their route',
    });
  try {
    await openChannel(name, spec, channelWorld(context)).send(message);
    return null;
  } catch (error) {
    if (error instanceof FleetError) return error;
    throw error;
  }
}

/** An Alertmanager keeps its own state: it is told all that fires at every sweep, and what does not fire any more ends there by itself. */
async function tellAlertmanagers(context: FleetContext, policy: AlertPolicy, broken: Map<string, FleetError>): Promise<void> {
  const managers = Object.entries(policy.channels).filter(([, { kind }]) => kind === 'alertmanager');
  if (managers.length === 0) return;
  const alerts = await listAlerts(context.ledger.db);
  for (const [name, spec] of managers) {
    if (spec.kind !== 'alertmanager') continue;
    try {
      await postAlerts(name, spec, alerts, policy, context.inventory.fleet, channelWorld(context));
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      broken.set(name, error);
    }
  }
}

/** Tells whoever watches the sweeps that one has come to its end. Null: it was heard, or nobody is to be told. */
export async function tellHeartbeat(context: FleetContext, policy: AlertPolicy): Promise<FleetError | null> {
  if (policy.heartbeat === null) return null;
  try {
    await beat(policy.heartbeat, channelWorld(context));
    return null;
  } catch (error) {
    if (error instanceof FleetError) return error;
    throw error;
  }
}
