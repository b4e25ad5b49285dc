import { randomUUID } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import type { Alert } from '../../alerts/alert.ts';
import { testMessage } from '../../alerts/message.ts';
import type { Outgoing } from '../../alerts/outbox.ts';
import { covers, type Silence } from '../../alerts/silence.ts';
import { nearest } from '../../inventory/rules/nearest.ts';
import { listAccounts } from '../../ledger/queries/accounts.ts';
import {
  addSilence,
  endSilence,
  listAlerts,
  listSilences,
  sentMessages,
  waitingMessages,
} from '../../ledger/queries/alerts.ts';
import type { AlertMessageRow } from '../../ledger/schema.ts';
import { type AlertPolicy, type AlertRule, measures } from '../../model/alert-policy.ts';
import { FleetError } from '../../model/errors.ts';
import type { FleetContext } from '../context.ts';
import { type Try, trySend } from './deliver-messages.ts';

type Context = Pick<FleetContext, 'inventory' | 'ledger' | 'readSecret' | 'now' | 'signal'>;

/** Errors: `usage` where the inventory has no `alerts:`. */
export function alertPolicyOf({ inventory }: Pick<FleetContext, 'inventory'>): AlertPolicy {
  if (inventory.alerts !== null) return inventory.alerts;
  throw new FleetError('usage', 'the inventory has no alerts: nobody is notified', {
    hint: 'add alerts: with a channel; docs/alerts.md begins with an example',
  });
}

export interface AlertView {
  readonly alert: Alert;
  readonly silence: Silence | null;
}

export interface AlertsView {
  readonly alerts: readonly AlertView[];
  readonly silences: readonly Silence[];
  readonly waiting: readonly Outgoing[];
}

/** Firing and pending alerts, silences, and undelivered messages. */
export async function viewAlerts({ ledger, now }: Context): Promise<AlertsView> {
  const nowMs = now();
  const silences = await listSilences(ledger.db, nowMs);
  const alerts = (await listAlerts(ledger.db)).map((alert) => ({
    alert,
    silence: silences.find((silence) => covers(silence, alert, nowMs)) ?? null,
  }));
  return { alerts, silences, waiting: await waitingMessages(ledger.db) };
}

export interface AlertStory extends AlertView {
  readonly rule: AlertRule | null;
  /** Messages that told of it, newest first. */
  readonly messages: readonly AlertMessageRow[];
}

/**
 * One alert, by `RULE/SUBJECT`, or by its subject alone where that has only one. Errors: `usage`,
 * naming what there is.
 */
export async function findAlert(context: Context, key: string): Promise<AlertStory> {
  const { alerts } = await viewAlerts(context);
  const found = alerts.filter(({ alert }) => alert.key === key || alert.subject === key);
  const [only] = found;
  if (only === undefined || found.length > 1) {
    const keys = (found.length > 1 ? found : alerts).map(({ alert }) => alert.key).slice(0, 20);
    throw new FleetError(
      'usage',
      found.length > 1 ? `${key} has several alerts` : `there is no alert ${key}`,
      {
        hint:
          keys.length === 0
            ? 'nothing fires; fleet alerts why RULE SUBJECT says why not'
            : `there is: ${keys.join(', ')}`,
      },
    );
  }
  const policy = alertPolicyOf(context);
  const messages = (await sentMessages(context.ledger.db, 1000)).filter(({ message_json }) =>
    message_json.includes(`"key":${JSON.stringify(only.alert.key)}`),
  );
  return {
    ...only,
    rule: policy.rules.find(({ name }) => name === only.alert.rule) ?? null,
    messages: messages.slice(0, 20),
  };
}

/** Longer ones are forgotten by everybody, ms. */
const longestSilenceMs = 30 * 86_400_000;

export interface SilenceWish {
  /** `RULE/SUBJECT`, either with `*`; a subject alone is all its rules. */
  readonly pattern: string;
  readonly untilMs: number;
  readonly reason: string;
}

/** Errors: `usage` for one that has ended already, or that names no rule. */
export async function silenceAlerts(
  context: Context,
  { pattern, untilMs, reason }: SilenceWish,
): Promise<Silence> {
  const policy = alertPolicyOf(context);
  const nowMs = context.now();
  if (untilMs <= nowMs)
    throw new FleetError('usage', 'that silence would be over already', {
      hint: 'name a time that is still to come, or --for 2h',
    });
  if (untilMs > nowMs + longestSilenceMs)
    throw new FleetError('usage', 'that silence would last for more than 30 days', {
      hint: 'switch the rule off in the inventory instead',
    });
  const [rule, subject] = pattern.includes('/')
    ? [pattern.slice(0, pattern.indexOf('/')), pattern.slice(pattern.indexOf('/') + 1)]
    : ['*', pattern];
  const known: readonly string[] = [
    ...policy.rules.map(({ name }) => name),
    ...policy.news.map(({ name }) => name),
  ];
  if (
    !/^[\w.*-]{1,63}$/.test(rule) ||
    !/^[\w.*-]{1,63}$/.test(subject) ||
    (!rule.includes('*') && !known.includes(rule))
  )
    throw new FleetError('usage', `${pattern} names no alert`, {
      hint:
        'write RULE/SUBJECT, or a subject alone, with * for any text; rules are ' +
        `${known.join(', ')}`,
    });
  await requireSilenceable(context, subject);
  const silence = { rule, subject, until: untilMs, reason, by: whoIsThis(), createdAt: nowMs };
  return { id: await addSilence(context.ledger.db, silence), ...silence };
}

/** A mistyped name would silence nothing, and nobody would notice. */
async function requireSilenceable({ inventory, ledger }: Context, subject: string): Promise<void> {
  if (subject.includes('*')) return;
  const accounts = (await listAccounts(ledger.db)).map(({ name }) => name);
  const alerts = (await listAlerts(ledger.db)).map((alert) => alert.subject);
  const known: readonly string[] = [
    inventory.fleet,
    ...inventory.hosts.map(({ name }) => name),
    ...accounts,
    ...alerts,
  ];
  if (known.includes(subject)) return;
  const close = nearest(subject, known);
  throw new FleetError('usage', `no host and no account is called ${subject}`, {
    hint:
      close === null
        ? 'fleet status shows their names; with * it may be one that is still to come'
        : `did you mean ${close}?`,
  });
}

function whoIsThis(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    return `uid ${process.getuid?.() ?? '?'}@${hostname()}`;
  }
}

/** Errors: `usage` for a silence that there is not. */
export async function unsilenceAlerts({ ledger, now }: Context, id: number): Promise<void> {
  if (await endSilence(ledger.db, id, now())) return;
  const ids = (await listSilences(ledger.db, now())).map((silence) => silence.id);
  throw new FleetError('usage', `there is no silence ${id}`, {
    hint: ids.length === 0 ? 'nothing is silenced' : `silences are: ${ids.join(', ')}`,
  });
}

export interface ChannelTrial extends Try {
  readonly channel: string;
}

/**
 * Sends a test message over each of the channels; none given: over all of them. Errors: `usage` for
 * an unknown name.
 */
export async function testChannels(
  context: Context,
  names: readonly string[],
): Promise<ChannelTrial[]> {
  const policy = alertPolicyOf(context);
  const all = Object.keys(policy.channels);
  const unknown = names.filter((name) => !all.includes(name));
  if (unknown.length > 0 || all.length === 0)
    throw new FleetError(
      'usage',
      unknown.length > 0 ? `no channel is called ${unknown.join(', ')}` : 'alerts: has no channels',
      {
        hint:
          all.length === 0
            ? 'add one to the inventory; docs/alerts.md shows each kind'
            : `channels are: ${all.join(', ')}`,
      },
    );
  const message = testMessage(
    randomUUID(),
    context.inventory.fleet,
    policy.language,
    context.now(),
  );
  const chosen = names.length === 0 ? all : [...new Set(names)];
  return Promise.all(
    chosen.map(async (channel) => ({
      channel,
      ...(await trySend(context, policy, channel, message)),
    })),
  );
}

export interface Verdict {
  readonly rule: AlertRule;
  readonly subject: string;
  readonly alert: Alert | null;
  readonly silence: Silence | null;
}

/**
 * Where a rule stands with a subject. Errors: `usage` for a rule or a subject that there is not.
 */
export async function whyAlert(
  context: Context,
  ruleName: string,
  subject: string,
): Promise<Verdict> {
  const policy = alertPolicyOf(context);
  const rule = policy.rules.find(({ name }) => name === ruleName);
  if (rule === undefined)
    throw new FleetError('usage', `no rule is called ${ruleName}`, {
      hint: `rules are: ${policy.rules.map(({ name }) => name).join(', ')}`,
    });
  await requireSubject(context, rule, subject);
  const { alerts } = await viewAlerts(context);
  const found = alerts.find(({ alert }) => alert.rule === ruleName && alert.subject === subject);
  const nowMs = context.now();
  const about = { rule: ruleName, subject, host: found?.alert.host ?? null };
  const silence =
    (await listSilences(context.ledger.db, nowMs)).find((each) => covers(each, about, nowMs)) ??
    null;
  return { rule, subject, alert: found?.alert ?? null, silence };
}

async function requireSubject(
  { inventory, ledger }: Context,
  rule: AlertRule,
  subject: string,
): Promise<void> {
  const { kind } = measures[rule.measure];
  const known: readonly string[] =
    kind === 'fleet'
      ? [inventory.fleet]
      : kind === 'host'
        ? inventory.hosts.map(({ name }) => name)
        : (await listAccounts(ledger.db)).map(({ name }) => name);
  if (known.includes(subject)) return;
  throw new FleetError(
    'usage',
    `${rule.name} is about ${kind === 'fleet' ? 'the fleet' : `${kind}s`}, and none is ` +
      `called ${subject}`,
    {
      hint:
        known.length === 0
          ? `there is no ${kind} yet`
          : `there is: ${known.slice(0, 20).join(', ')}`,
    },
  );
}
