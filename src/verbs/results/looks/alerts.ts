import type { Silence } from '../../../alerts/silence.ts';
import type {
  AlertStory,
  AlertsView,
  AlertView,
  Verdict,
} from '../../../workflows/alerts/alerts.ts';

export const silenceData = ({
  id,
  rule,
  subject,
  until,
  reason,
  by,
  createdAt,
}: Silence): Record<string, unknown> => ({
  ...{ id, rule, subject, until: iso(until), reason, by, createdAt: iso(createdAt) },
});

export const alertsData = ({ alerts, silences, waiting }: AlertsView): Record<string, unknown> => ({
  alerts: alerts.map(alertData),
  silences: silences.map(silenceData),
  waiting: waiting.map(({ id, route, message, attempts, nextTryAt }) => ({
    id,
    route,
    title: message.title,
    attempts,
    nextTryAt: iso(nextTryAt),
  })),
});

export const storyData = ({ messages, rule, ...view }: AlertStory): Record<string, unknown> => ({
  ...alertData(view),
  rule,
  messages: messages.map(({ id, delivered_at, delivered_by }) => ({
    id,
    deliveredAt: isoOrNull(delivered_at),
    channel: delivered_by,
  })),
});

export const verdictData = ({
  rule,
  subject,
  alert,
  silence,
}: Verdict): Record<string, unknown> => ({
  rule,
  subject,
  alert: alert === null ? null : { ...alertData({ alert, silence }), heldMs: alert.heldMs },
  silence: silence === null ? null : silenceData(silence),
});
const alertData = ({ alert, silence }: AlertView): Record<string, unknown> => ({
  ...{
    key: alert.key,
    rule: alert.rule,
    kind: alert.kind,
    subject: alert.subject,
    host: alert.host,
    state: alert.state,
    severity: alert.severity,
  },
  ...{
    value: alert.value,
    reason: alert.reason,
    since: iso(alert.since),
    firedAt: isoOrNull(alert.firedAt),
    resolvedAt: isoOrNull(alert.resolvedAt),
  },
  ...{ told: alert.told, toldAt: isoOrNull(alert.toldAt), silence: silence?.id ?? null },
});

export const iso = (ms: number): string => new Date(ms).toISOString();

export const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms));
