import { randomUUID } from 'node:crypto';
import type { SubjectFacts } from '../../alerts/facts.ts';
import { judge } from '../../alerts/judge.ts';
import { compose, type Item, type Message } from '../../alerts/message.ts';
import { settleRoute } from '../../alerts/outbox.ts';
import type { LedgerDb } from '../../ledger/ledger.ts';
import {
  changeMessage,
  insertMessage,
  listAlerts,
  listSilences,
  pruneMessages,
  saveAlerts,
  takeFresh,
  waitingMessages,
} from '../../ledger/queries/alerts.ts';
import type { AlertPolicy } from '../../model/alert-policy.ts';
import type { FleetContext } from '../context.ts';
import { newsIn } from './alert-facts.ts';

/** How long delivered messages are kept, ms. */
const keptMs = 30 * 86_400_000;

/**
 * What a sweep found, against the rules: alerts and the messages about them are on disk in one
 * transaction, so that a sweep that is killed tells nothing twice and
 * forgets nothing. How many items are to be told. Sends nothing.
 */
export function judgeAlerts(
  context: FleetContext,
  policy: AlertPolicy,
  subjects: readonly SubjectFacts[],
): Promise<number> {
  const nowMs = context.now();
  return context.ledger.db.transaction().execute(async (transaction) => {
    const news = newsIn(await takeFresh(transaction));
    const silences = await listSilences(transaction, nowMs);
    const { alerts, items } = judge(
      policy,
      await listAlerts(transaction),
      subjects,
      news,
      silences,
      nowMs,
    );
    await saveAlerts(transaction, alerts);
    await pruneMessages(transaction, nowMs - keptMs);
    await enqueue(transaction, context.inventory.fleet, policy, items, nowMs);
    return items.length;
  });
}

async function enqueue(
  db: LedgerDb,
  fleet: string,
  policy: AlertPolicy,
  items: readonly Item[],
  nowMs: number,
): Promise<void> {
  if (items.length === 0) return;
  const waiting = await waitingMessages(db);
  const recompose = (message: Message, left: readonly Item[]): Message =>
    compose(message.id, fleet, left, policy.language, message.at);
  for (const [route, told] of routesFor(policy, items)) {
    const own = waiting.filter((outgoing) => outgoing.route.join('\n') === route.join('\n'));
    const settled = settleRoute(told, own, recompose);
    for (const outgoing of settled.changed) await changeMessage(db, outgoing);
    if (settled.items.length === 0) continue;
    await insertMessage(
      db,
      route,
      compose(randomUUID(), fleet, settled.items, policy.language, nowMs),
    );
  }
}

/** Alertmanagers know of all alerts by themselves; only news are messages for them. */
function routesFor(
  policy: AlertPolicy,
  items: readonly Item[],
): (readonly [readonly string[], readonly Item[]])[] {
  const news = items.filter(({ status }) => status === 'news');
  const managers = Object.entries(policy.channels).filter(
    ([, { kind }]) => kind === 'alertmanager',
  );
  return [
    ...policy.routes.map((route) => [route, items] as const),
    ...(news.length === 0 ? [] : managers.map(([name]) => [[name], news] as const)),
  ];
}
