import type { AlertPolicy } from '../model/alert-policy.ts';
import { type Alert, advance } from './alert.ts';
import type { News, SubjectFacts } from './facts.ts';
import { type Item, itemOfAlert, itemOfNews } from './message.ts';
import { tell } from './notices.ts';
import { hiddenSubjects, readAll } from './readings.ts';
import { covers, type Silence } from './silence.ts';

export interface Judgement {
  /** All that are to be kept, whether they changed or not. */
  readonly alerts: readonly Alert[];
  /** What is to be told now. */
  readonly items: readonly Item[];
}

/**
 * One sweep's facts against the rules: what fires, what is over, and what has to be told of it.
 * Pure.
 */
export function judge(
  policy: AlertPolicy,
  known: readonly Alert[],
  subjects: readonly SubjectFacts[],
  news: readonly News[],
  silences: readonly Silence[],
  nowMs: number,
): Judgement {
  const rules = new Map(policy.rules.map((rule) => [rule.name, rule]));
  const readings = new Map(
    readAll(policy.rules, subjects).map((reading) => [reading.key, reading]),
  );
  const before = new Map(known.map((alert) => [alert.key, alert]));
  const hidden = new Set(
    [...hiddenSubjects(policy.rules, subjects).keys()].map(({ kind, name }) => `${kind}/${name}`),
  );
  const present = new Set(subjects.map(({ kind, name }) => `${kind}/${name}`));
  const alerts: Alert[] = [];
  const items: Item[] = [];
  for (const key of new Set([...before.keys(), ...readings.keys()])) {
    const alert = before.get(key) ?? null;
    const reading = readings.get(key);
    const rule = rules.get(alert?.rule ?? reading?.rule ?? '');
    const isGone =
      alert !== null && (rule === undefined || !present.has(`${alert.kind}/${alert.subject}`));
    const next = advance(alert, reading, rule, nowMs, isGone);
    if (next === null) continue;
    const isHidden = next.state === 'firing' && hidden.has(`${next.kind}/${next.subject}`);
    const told = tell(
      next,
      policy.repeatMs,
      nowMs,
      isHidden || silences.some((silence) => covers(silence, next, nowMs)),
    );
    alerts.push(told.alert);
    if (told.notice !== null)
      items.push(itemOfAlert(told.alert, told.notice, rule, policy.language, nowMs));
  }
  for (const each of news) {
    const rule = policy.news.find(({ name }) => name === each.name);
    const about = { rule: each.name, subject: each.account ?? each.host ?? '', host: each.host };
    if (rule !== undefined && !silences.some((silence) => covers(silence, about, nowMs)))
      items.push(itemOfNews(each, rule, policy.language, nowMs));
  }
  return { alerts, items };
}
