import type { Alert } from '../alerts/alert.ts';
import type { Message } from '../alerts/message.ts';
import { itemOfAlert } from '../alerts/message.ts';
import type { AlertmanagerChannel, AlertPolicy } from '../model/alert-policy.ts';
import { type Channel, type ChannelWorld, readUrl } from './channel.ts';
import { request } from './http.ts';

/** Alertmanager ends an alert that is not repeated within this time, ms. */
const livesMs = 3_600_000;

/** One alert of Alertmanager's API v2 (https://prometheus.io/docs/alerting/latest/alerts_api/). */
interface PostableAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
}

/**
 * What an Alertmanager is told: all that fires, and what has ended. It knows repetitions by their
 * labels. Pure.
 */
export function postableAlerts(
  alerts: readonly Alert[],
  policy: AlertPolicy,
  fleet: string,
  nowMs: number,
): PostableAlert[] {
  const rules = new Map(policy.rules.map((rule) => [rule.name, rule]));
  return alerts
    .filter(({ state }) => state !== 'pending')
    .map((alert) => {
      const item = itemOfAlert(
        alert,
        alert.state === 'firing' ? 'firing' : 'over',
        rules.get(alert.rule),
        policy.language,
        nowMs,
      );
      const about: Readonly<Record<string, string>> = {
        ...(alert.kind === 'account' ? { account: alert.subject } : {}),
        ...(alert.kind === 'host' ? { host: alert.subject } : {}),
        ...(alert.host === null ? {} : { host: alert.host }),
      };
      return {
        labels: { alertname: alert.rule, severity: alert.severity, fleet, ...about },
        annotations: {
          summary: item.text,
          ...(item.command === '' ? {} : { command: item.command }),
        },
        startsAt: new Date(alert.firedAt ?? alert.since).toISOString(),
        endsAt: new Date(
          alert.state === 'firing' ? nowMs + livesMs : (alert.resolvedAt ?? nowMs),
        ).toISOString(),
      };
    });
}

/**
 * Messages are no alerts there, but a test shows whether it listens, and news end after an hour.
 */
export const alertmanagerChannel = (
  name: string,
  spec: AlertmanagerChannel,
  world: ChannelWorld,
): Channel => ({
  send: async (message: Message): Promise<null> => {
    const nowMs = world.now();
    const alerts = message.items.map(
      (item): PostableAlert => ({
        labels: {
          alertname: item.rule,
          severity: item.severity,
          fleet: message.fleet,
          ...(item.subject === '' ? {} : { subject: item.subject }),
        },
        annotations: {
          summary: item.text,
          ...(item.command === '' ? {} : { command: item.command }),
        },
        startsAt: new Date(Math.min(item.since, nowMs)).toISOString(),
        endsAt: new Date(item.endedAt ?? nowMs + livesMs).toISOString(),
      }),
    );
    await post(name, spec, alerts, world);
    return null;
  },
});

/** Tells an Alertmanager what fires. Errors: `channel`, `secret`. */
export const postAlerts = (
  name: string,
  spec: AlertmanagerChannel,
  alerts: readonly Alert[],
  policy: AlertPolicy,
  fleet: string,
  world: ChannelWorld,
): Promise<void> => post(name, spec, postableAlerts(alerts, policy, fleet, world.now()), world);

async function post(
  name: string,
  { url, authorization }: AlertmanagerChannel,
  alerts: readonly PostableAlert[],
  world: ChannelWorld,
): Promise<void> {
  if (alerts.length === 0) return;
  const base = await readUrl(name, url, world);
  const headers = {
    'content-type': 'application/json',
    ...(authorization === null
      ? {}
      : { authorization: (await world.readSecret(authorization)).trim() }),
  };
  const path = `${base.pathname.replace(/\/$/, '')}/api/v2/alerts`;
  await request(name, new URL(path, base), { headers, body: JSON.stringify(alerts) }, world);
}
