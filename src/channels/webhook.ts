import type { Item, Message } from '../alerts/message.ts';
import type { WebhookChannel } from '../model/alert-policy.ts';
import { type Channel, ChannelRefusal, type ChannelWorld, quoted, readUrl } from './channel.ts';
import { request } from './http.ts';
import { type Filled, fillTemplate, readTemplate, refusedBy } from './template.ts';

/** One POST a message. The same message carries the same Idempotency-Key each time it is sent. */
export const webhookChannel = (
  name: string,
  spec: WebhookChannel,
  world: ChannelWorld,
): Channel => ({
  send: async (message: Message): Promise<null> => {
    const url = await readUrl(name, spec.url, world);
    const template =
      spec.body === 'fleet' || spec.body === 'alertmanager'
        ? null
        : await readTemplate(name, spec.body, world.folder);
    const signKey = spec.signKey === null ? null : (await world.readSecret(spec.signKey)).trim();
    const filled =
      template === null
        ? asJson(spec.body === 'fleet' ? message : alertmanagerBody(message))
        : fillTemplate(template, message, signKey, world.now());
    const authorization =
      spec.authorization === null
        ? {}
        : { authorization: (await world.readSecret(spec.authorization)).trim() };
    for (const [key, value] of Object.entries(filled.query)) url.searchParams.set(key, value);
    const headers = {
      'user-agent': 'fleet',
      'idempotency-key': message.id,
      ...filled.headers,
      ...authorization,
    };
    const reply = await request(name, url, { headers, body: filled.body }, world);
    const refusal = template === null ? null : refusedBy(template, reply.text);
    if (refusal !== null)
      throw new ChannelRefusal(
        name,
        `${url.origin} did not take the message: ${quoted(refusal, world)}`,
        `look at the service's own settings for the address, and at body: ${spec.body}`,
      );
    return null;
  },
});

const asJson = (value: unknown): Filled => ({
  headers: { 'content-type': 'application/json; charset=utf-8' },
  query: {},
  body: JSON.stringify(value),
});

/**
 * What Alertmanager would send to a webhook
 * (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config), version 4. Pure.
 */
export function alertmanagerBody(message: Message): Readonly<Record<string, unknown>> {
  const never = '0001-01-01T00:00:00Z';
  const alerts = message.items.map((item: Item) => ({
    status: item.status === 'over' ? 'resolved' : 'firing',
    labels: {
      ...{ alertname: item.rule, severity: item.severity, fleet: message.fleet },
      ...(item.kind === 'fleet' ? {} : { [item.kind]: item.subject }),
      ...(item.host === null ? {} : { host: item.host }),
    },
    annotations: { summary: item.text, ...(item.command === '' ? {} : { command: item.command }) },
    startsAt: new Date(item.since).toISOString(),
    endsAt: item.endedAt === null ? never : new Date(item.endedAt).toISOString(),
    generatorURL: '',
    fingerprint: item.key,
  }));
  return {
    version: '4',
    groupKey: message.fleet,
    truncatedAlerts: 0,
    status: alerts.every(({ status }) => status === 'resolved') ? 'resolved' : 'firing',
    receiver: 'fleet',
    groupLabels: { fleet: message.fleet },
    commonLabels: { fleet: message.fleet },
    commonAnnotations: {},
    externalURL: '',
    alerts,
  };
}
