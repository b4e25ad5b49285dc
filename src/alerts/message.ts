import {
  type AlertRule,
  type Language,
  type Measure,
  measures,
  type NewsRule,
  type Severity,
  type SubjectKind,
} from '../model/alert-policy.ts';
import { visibleLine } from '../model/visible.ts';
import type { Alert } from './alert.ts';
import type { News } from './facts.ts';
import type { NoticeKind } from './notices.ts';
import { newsWordings, phrases, wordings } from './texts.ts';

/** One thing that a message tells. Times in ms since the epoch. */
export interface Item {
  readonly key: string;
  readonly rule: string;
  readonly status: NoticeKind;
  readonly severity: Severity | 'info';
  readonly kind: SubjectKind;
  readonly subject: string;
  readonly host: string | null;
  readonly since: number;
  readonly endedAt: number | null;
  readonly text: string;
  /** The command to run. */
  readonly command: string;
}

/** What goes to channels. */
export interface Message {
  readonly format: 1;
  /** The same each time it is sent: whoever has seen it knows it again. */
  readonly id: string;
  readonly fleet: string;
  readonly at: number;
  /** Absent in those that an older fleet left waiting. */
  readonly language?: Language;
  readonly title: string;
  readonly severity: Severity | 'info';
  readonly text: string;
  readonly items: readonly Item[];
}

const fill = (template: string, values: Readonly<Record<string, string>>): string =>
  template.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);

/** A measured value in words: `83 %`, `2.4 s`, `5 times within an hour`. Pure. */
export function valueText(measure: Measure, value: number, language: Language): string {
  const { unit } = measures[measure];
  const number = String(Math.abs(value) >= 10 ? Math.round(value) : Math.round(value * 10) / 10);
  if (unit === 'yes') return phrases[language].yes;
  if (unit === 'per hour') return fill(phrases[language].perHour, { n: number });
  return unit === '' ? number : `${number} ${unit}`;
}

/** The two largest units: `3d 4h`, `12m`, `3 天 4 小时`. Pure. */
export function ageText(ms: number, language: Language): string {
  const { units, unitGap } = phrases[language];
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
    seconds % 60,
  ];
  const first = parts.findIndex((part) => part > 0);
  if (first === -1) return `0${unitGap}${units.at(-1)}`;
  const shown = parts
    .slice(first, first + 2)
    .map((part, index) => (part === 0 ? '' : `${part}${unitGap}${units[first + index] ?? ''}`));
  return shown.filter((part) => part !== '').join(' ');
}

export function itemOfAlert(
  alert: Alert,
  status: NoticeKind,
  rule: AlertRule | undefined,
  language: Language,
  nowMs: number,
): Item {
  const measure = rule?.measure ?? null;
  const wording = measure === null ? null : wordings[language][measure];
  const limit = alert.severity === 'critical' ? rule?.critical : rule?.warning;
  const values = {
    subject: alert.subject,
    host: alert.host ?? '-',
    value: measure === null ? '' : valueText(measure, alert.value, language),
    limit:
      measure === null || limit === null || limit === undefined
        ? ''
        : valueText(measure, limit, language),
  };
  const words = phrases[language];
  const sentence = fill(rule?.text ?? wording?.text ?? `${alert.rule}: {subject}`, values);
  const reason =
    alert.reason === '' || status === 'over' ? '' : fill(words.reason, { reason: alert.reason });
  const age = ageText((alert.resolvedAt ?? nowMs) - (alert.firedAt ?? alert.since), language);
  return {
    key: alert.key,
    rule: alert.rule,
    status,
    severity: alert.severity,
    kind: alert.kind,
    subject: alert.subject,
    host: alert.host,
    since: alert.firedAt ?? alert.since,
    endedAt: status === 'over' ? alert.resolvedAt : null,
    // A worker's own words may stand in it: nothing of them begins a line or turns one around,
    // wherever it is read.
    text: visibleLine(
      `${sentence}${reason}${fill(status === 'over' ? words.ended : words[status], { age })}`,
    ),
    command:
      status === 'over' ? '' : fill(rule?.remedy ?? wording?.remedy ?? 'fleet status', values),
  };
}

export function itemOfNews(
  news: News,
  { severity }: NewsRule,
  language: Language,
  nowMs: number,
): Item {
  const wording = newsWordings[language][news.name];
  const values = { account: news.account ?? '-', host: news.host ?? '-', text: news.text };
  const about = {
    kind: news.account !== null ? 'account' : news.host !== null ? 'host' : 'fleet',
  } as const;
  return {
    key: news.name,
    rule: news.name,
    status: 'news',
    severity,
    ...about,
    subject: news.account ?? news.host ?? '',
    host: news.host,
    since: nowMs,
    endedAt: null,
    text: visibleLine(fill(wording.text, values)),
    command: fill(wording.remedy, values),
  };
}

const rank = (item: Item): number =>
  item.status === 'over'
    ? 3
    : item.severity === 'critical'
      ? 0
      : item.severity === 'warning'
        ? 1
        : 2;
const marks = ['critical', 'warning', 'info', 'over'] as const;
const counts = ['criticals', 'warnings', 'infos', 'overs'] as const;

/** What stands at the end of a text that a channel had to cut. Pure. */
export const moreNote = ({ language }: Message): string => phrases[language ?? 'en'].more;

/** One message of all items, most severe first. Pure. */
export function compose(
  id: string,
  fleet: string,
  items: readonly Item[],
  language: Language,
  nowMs: number,
): Message {
  const words = phrases[language];
  const sorted = items.toSorted(
    (a, b) => rank(a) - rank(b) || a.since - b.since || (a.key < b.key ? -1 : 1),
  );
  const lines = sorted.map((item) => {
    const mark = words[marks[rank(item)] ?? 'info'];
    return `${mark} ${item.text}${item.command === '' ? '' : `\n  ${words.run}${item.command}`}`;
  });
  const count = counts
    .map((word, index) => ({ word, n: sorted.filter((item) => rank(item) === index).length }))
    .filter(({ n }) => n > 0)
    .map(({ word, n }) => fill(words[word][n === 1 ? 0 : 1], { n: String(n) }));
  const severity = sorted.every(({ status }) => status === 'over')
    ? 'info'
    : (sorted[0]?.severity ?? 'info');
  const title = fill(words.title, { fleet, count: count.join(words.separator) });
  return {
    format: 1,
    id,
    fleet,
    at: nowMs,
    language,
    title,
    severity,
    text: lines.join('\n'),
    items: sorted,
  };
}

/** What `fleet alerts test` sends. Pure. */
export function testMessage(id: string, fleet: string, language: Language, nowMs: number): Message {
  const text = phrases[language].test;
  const about = {
    key: 'test',
    rule: 'test',
    status: 'news',
    severity: 'info',
    kind: 'fleet',
    subject: fleet,
    host: null,
  } as const;
  return compose(
    id,
    fleet,
    [{ ...about, since: nowMs, endedAt: null, text, command: 'fleet alerts list' }],
    language,
    nowMs,
  );
}
