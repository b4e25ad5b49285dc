import type { Alert } from '../../../alerts/alert.ts';
import { valueText } from '../../../alerts/message.ts';
import type { Silence } from '../../../alerts/silence.ts';
import { type AlertRule, measures } from '../../../model/alert-policy.ts';
import { formatAge } from '../../../model/time-words.ts';
import { iso, isoOrNull } from '../../../verbs/results/looks/alerts.ts';
import type {
  AlertStory,
  AlertsView,
  ChannelTrial,
  Verdict,
} from '../../../workflows/alerts/alerts.ts';
import { chalk } from '../../style.ts';
import { formatTable } from '../table.ts';

const shownValue = ({ measure, value }: Alert): string => valueText(measure, value, 'en');

function stateText({ state, severity }: Alert): string {
  if (state === 'resolved') return chalk.green('resolved');
  if (state === 'pending') return chalk.dim('pending');
  return severity === 'critical' ? chalk.red('critical') : chalk.yellow('warning');
}

function toldText({ told, toldAt }: Alert, silence: Silence | null, nowMs: number): string {
  if (silence !== null) return `silenced for ${formatAge(silence.until - nowMs)} (${silence.id})`;
  return told === null || toldAt === null
    ? 'not told'
    : `told ${formatAge(Math.max(0, nowMs - toldAt))} ago`;
}

const urgency = ({ state, severity }: Alert): number =>
  state === 'firing' ? (severity === 'critical' ? 0 : 1) : state === 'pending' ? 2 : 3;

/** What fires first, then what may soon; then silences and messages that wait. */
export function formatAlerts({ alerts, silences, waiting }: AlertsView, nowMs: number): string {
  const sorted = alerts.toSorted(
    (a, b) => urgency(a.alert) - urgency(b.alert) || (a.alert.key < b.alert.key ? -1 : 1),
  );
  const rows = sorted.map(({ alert, silence }) => [
    stateText(alert),
    alert.rule,
    alert.subject,
    shownValue(alert),
    formatAge(Math.max(0, nowMs - alert.since)),
    toldText(alert, silence, nowMs),
    alert.reason,
  ]);
  const sections = [
    formatTable(
      ['STATE', 'RULE', 'SUBJECT', 'VALUE', 'FOR', 'TOLD', 'WHY'],
      rows,
      'Nothing fires.',
    ),
  ];
  if (silences.length > 0) {
    const lines = silences.map((each) => [
      String(each.id),
      `${each.rule}/${each.subject}`,
      formatAge(each.until - nowMs),
      each.by,
      each.reason,
    ]);
    sections.push(
      `Silences\n${formatTable(['ID', 'PATTERN', 'ENDS IN', 'BY', 'REASON'], lines, '')}`,
    );
  }
  if (waiting.length > 0)
    sections.push(
      chalk.yellow(
        `${waiting.length} message${waiting.length === 1 ? '' : 's'} not delivered by any ` +
          'channel yet: fleet alerts test',
      ),
    );
  return sections.join('\n\n');
}

function limitsText({ measure, warning, critical, forMs }: AlertRule): string {
  const limits = [
    ...(warning === null ? [] : [`warning above ${valueText(measure, warning, 'en')}`]),
    ...(critical === null ? [] : [`critical above ${valueText(measure, critical, 'en')}`]),
  ];
  const { unit } = measures[measure];
  const words =
    unit === 'yes' ? [critical === null ? 'warning when true' : 'critical when true'] : limits;
  return `${words.join(', ')}${forMs === 0 ? ', at once' : `, for ${formatAge(forMs)}`}`;
}

export function formatStory({ alert, silence, rule, messages }: AlertStory, nowMs: number): string {
  const lines = [
    `${stateText(alert)} ${alert.key}${alert.host === null ? '' : ` on ${alert.host}`}`,
    ...[
      measures[alert.measure].unit === 'yes' ? '' : `value: ${shownValue(alert)}`,
      alert.reason,
    ].filter((line) => line !== ''),
    'since ' +
      `${iso(alert.since)}${alert.firedAt === null ? '' : `, fired ${iso(alert.firedAt)}`}` +
      `${alert.resolvedAt === null ? '' : `, over ${iso(alert.resolvedAt)}`}`,
    rule === null ? 'its rule is no longer in the inventory' : `rule: ${limitsText(rule)}`,
    toldText(alert, silence, nowMs),
  ];
  const rows = messages.map(({ delivered_at, delivered_by, id }) => [
    isoOrNull(delivered_at) ?? '',
    delivered_by ?? '',
    id,
  ]);
  return rows.length === 0
    ? lines.join('\n')
    : `${lines.join('\n')}\n\n${formatTable(['TOLD', 'BY CHANNEL', 'MESSAGE'], rows, '')}`;
}

export function formatVerdict({ rule, subject, alert, silence }: Verdict, nowMs: number): string {
  const lines = [`${rule.name}: ${limitsText(rule)}`];
  if (alert === null)
    lines.push(
      `${subject}: not the case at the last sweep, or unknown (its host is silent, or there ` +
        'is too little to measure): fleet status',
    );
  else if (alert.state === 'pending')
    lines.push(
      `${subject}: ${shownValue(alert)}; it was seen for ${formatAge(alert.heldMs)}, and ` +
        `fires after ${formatAge(rule.forMs)}`,
    );
  else if (alert.state === 'firing')
    lines.push(
      `${subject}: ${shownValue(alert)}; it has fired for ` +
        `${formatAge(Math.max(0, nowMs - (alert.firedAt ?? alert.since)))}`,
    );
  else
    lines.push(
      `${subject}: over for ${formatAge(Math.max(0, nowMs - (alert.resolvedAt ?? nowMs)))}` +
        '; told again only when it lasts',
    );
  if (silence !== null)
    lines.push(
      `silenced by ${silence.by} for ${formatAge(silence.until - nowMs)} more: fleet ` +
        `alerts unsilence ${silence.id}`,
    );
  return lines.join('\n');
}

export const formatSilence = ({ id, rule, subject, until, createdAt }: Silence): string =>
  `silence ${id}: no messages about ${rule}/${subject} for ` +
  `${formatAge(until - createdAt)}. To end it: fleet alerts unsilence ${id}`;

const trialText = ({ isTaken, problem }: ChannelTrial): string =>
  problem === null
    ? chalk.green('delivered')
    : isTaken
      ? chalk.yellow('delivered, but not to every recipient')
      : chalk.red('not delivered');

/** Why not stands among the errors. */
export const formatTrials = (trials: readonly ChannelTrial[]): string =>
  formatTable(
    ['CHANNEL', 'TEST MESSAGE'],
    trials.map((trial) => [trial.channel, trialText(trial)]),
    '',
  );
