import {
  type AlertRule,
  type Measure,
  measures,
  type Severity,
  type SubjectKind,
} from '../model/alert-policy.ts';
import type { SubjectFacts } from './facts.ts';

/** What a rule says about a subject in one sweep. `severity` null: all is well. */
export interface Reading {
  readonly key: string;
  readonly rule: string;
  readonly measure: Measure;
  readonly kind: SubjectKind;
  readonly subject: string;
  readonly host: string | null;
  readonly severity: Severity | null;
  readonly value: number;
  readonly reason: string;
}

export const alertKey = (rule: string, subject: string): string => `${rule}/${subject}`;

export const severityOf = ({ warning, critical }: AlertRule, value: number): Severity | null => {
  if (critical !== null && value > critical) return 'critical';
  return warning !== null && value > warning ? 'warning' : null;
};

/**
 * Whether the share of silent hosts is above the rule's limit, so that the fault is probably on
 * this side. Pure.
 */
export const isBlind = (
  rules: readonly AlertRule[],
  subjects: readonly SubjectFacts[],
): boolean => {
  const share = subjects.find(({ kind }) => kind === 'fleet')?.values['fleet-silent'] ?? 0;
  return rules.some((rule) => rule.measure === 'fleet-silent' && severityOf(rule, share) !== null);
};

/**
 * What all rules say. A measure that nobody knows gives no reading, and so does a subject that
 * another alert hides: accounts of a silent host; silent hosts
 * while the fleet is. Pure.
 */
export function readAll(rules: readonly AlertRule[], subjects: readonly SubjectFacts[]): Reading[] {
  const hidden = hiddenSubjects(rules, subjects);
  return rules.flatMap((rule) =>
    subjects.flatMap((subject): Reading[] => {
      const value = subject.values[rule.measure];
      if (
        subject.kind !== measures[rule.measure].kind ||
        value === undefined ||
        hidden.has(subject)
      )
        return [];
      const { kind, name, host, reason } = subject;
      const severity = severityOf(rule, value);
      return [
        {
          key: alertKey(rule.name, name),
          rule: rule.name,
          measure: rule.measure,
          kind,
          subject: name,
          host,
          severity,
          value,
          reason,
        },
      ];
    }),
  );
}

/**
 * Subjects that are not told about, each with what says more: the name of a measure, and of a host
 * where there is one. Pure.
 */
export function hiddenSubjects(
  rules: readonly AlertRule[],
  subjects: readonly SubjectFacts[],
): Map<SubjectFacts, string> {
  const blind = isBlind(rules, subjects);
  const silent = new Set(
    subjects.filter(({ kind, isSilent }) => kind === 'host' && isSilent).map(({ name }) => name),
  );
  const hidden = new Map<SubjectFacts, string>();
  for (const subject of subjects) {
    if (subject.kind === 'host' && subject.isSilent && blind) hidden.set(subject, 'fleet-silent');
    if (subject.kind === 'account' && subject.host !== null && silent.has(subject.host))
      hidden.set(subject, `host-down of ${subject.host}`);
  }
  return hidden;
}
