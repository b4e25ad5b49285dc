import { defaultNews, defaultRules } from '../alerts/default-rules.ts';
import {
  type AlertPolicy,
  type AlertRule,
  type ChannelSpec,
  isMeasure,
  type NewsRule,
} from '../model/alert-policy.ts';
import type { AlertsYaml, ChannelYaml } from './schema/alert-schema.ts';

type RuleYaml = NonNullable<AlertsYaml['rules']>[string];

/**
 * The policy with all defaults applied; null: fleet tells nobody anything. Expects that
 * alert-rules.ts found nothing.
 */
export function alertsFrom(yaml: AlertsYaml | undefined): AlertPolicy | null {
  if (yaml === undefined) return null;
  const channels = Object.fromEntries(
    Object.entries(yaml.channels ?? {}).map(([name, channel]) => [name, channelFrom(channel)]),
  );
  return {
    language: yaml.language ?? 'en',
    repeatMs: yaml.repeat ?? 4 * 3_600_000,
    rules: rulesFrom(yaml.rules ?? {}),
    news: newsFrom(yaml.news ?? {}),
    channels,
    routes: routesFrom(yaml.send, channels),
    heartbeat: yaml.heartbeat ?? null,
  };
}

/**
 * Without `send:` one route through all channels in the order in which they are written. An
 * Alertmanager is told by itself, and takes no messages.
 */
function routesFrom(
  send: AlertsYaml['send'],
  channels: Readonly<Record<string, ChannelSpec>>,
): readonly (readonly string[])[] {
  const takesMessages = (name: string): boolean => channels[name]?.kind !== 'alertmanager';
  const all =
    send === undefined
      ? [Object.keys(channels)]
      : send.map((entry) => (typeof entry === 'string' ? [entry] : entry));
  return all.map((route) => route.filter(takesMessages)).filter((route) => route.length > 0);
}

function rulesFrom(yaml: Readonly<Record<string, RuleYaml>>): readonly AlertRule[] {
  const shipped = defaultRules.flatMap((rule): readonly AlertRule[] => {
    const own = yaml[rule.name];
    if (own === undefined) return [rule];
    return own === 'off' ? [] : [merged(rule, own)];
  });
  const names = new Set<string>(defaultRules.map(({ name }) => name));
  const added = Object.entries(yaml).flatMap(([name, own]): readonly AlertRule[] => {
    if (names.has(name) || own === 'off' || own.measure === undefined || !isMeasure(own.measure))
      return [];
    return [
      merged(
        {
          name,
          measure: own.measure,
          warning: null,
          critical: null,
          forMs: 0,
          text: null,
          remedy: null,
        },
        own,
      ),
    ];
  });
  return [...shipped, ...added];
}

/** Where one of the limits is written, the other of fleet's own does not stay behind it. */
function merged(rule: AlertRule, own: Exclude<RuleYaml, 'off'>): AlertRule {
  const isLimited = own.warning !== undefined || own.critical !== undefined;
  return {
    name: rule.name,
    measure: own.measure !== undefined && isMeasure(own.measure) ? own.measure : rule.measure,
    warning: isLimited ? (own.warning ?? null) : rule.warning,
    critical: isLimited ? (own.critical ?? null) : rule.critical,
    forMs: own.for ?? rule.forMs,
    text: own.text ?? rule.text,
    remedy: own.remedy ?? rule.remedy,
  };
}

function newsFrom(yaml: NonNullable<AlertsYaml['news']>): readonly NewsRule[] {
  return defaultNews.flatMap((rule): readonly NewsRule[] => {
    const own = yaml[rule.name] ?? rule.severity;
    return own === 'off' ? [] : [{ name: rule.name, severity: own }];
  });
}

const never = (key: string): never => {
  throw new Error(`alerts: ${key} was not checked`);
};

function channelFrom(yaml: ChannelYaml): ChannelSpec {
  const authorization = yaml.authorization ?? null;
  switch (yaml.kind) {
    case 'webhook':
      return {
        kind: 'webhook',
        url: yaml.url ?? never('url'),
        body: yaml.body ?? 'fleet',
        authorization,
        signKey: yaml.sign_key ?? null,
      };
    case 'telegram':
      return {
        kind: 'telegram',
        token: yaml.token ?? never('token'),
        chat: yaml.chat ?? never('chat'),
        server: yaml.server ?? 'https://api.telegram.org',
      };
    case 'mail':
      return {
        kind: 'mail',
        server: yaml.server ?? never('server'),
        user: yaml.user ?? null,
        password: yaml.password ?? null,
        from: yaml.from ?? never('from'),
        to: yaml.to ?? never('to'),
      };
    case 'command':
      return { kind: 'command', argv: yaml.argv ?? never('argv') };
    case 'alertmanager':
      return { kind: 'alertmanager', url: yaml.url ?? never('url'), authorization };
  }
}
