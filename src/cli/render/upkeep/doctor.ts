import type { Finding } from '../../../model/finding.ts';
import { chalk } from '../../style.ts';

const marks: Readonly<Record<Finding['level'], string>> = {
  critical: chalk.red('✖'),
  warning: chalk.yellow('!'),
  ok: chalk.green('✔'),
};
const order: readonly Finding['level'][] = ['critical', 'warning', 'ok'];

/** What is wrong first, each with its remedy below; what many hosts have in common is said once. */
export function formatFindings(findings: readonly Finding[]): string {
  const groups = Map.groupBy(findings, ({ level, where, text, remedy }) =>
    [
      level,
      where === 'here' ? where : '',
      text.replaceAll(where, 'HOST'),
      remedy.replaceAll(where, 'HOST'),
    ].join('\n'),
  );
  const sorted = [...groups.values()].sort(
    (left, right) => order.indexOf(levelOf(left)) - order.indexOf(levelOf(right)),
  );
  const lines = sorted.map((group) => {
    const [first] = group;
    if (first === undefined) return '';
    const generic = (text: string): string =>
      group.length === 1 ? text : text.replaceAll(first.where, 'HOST');
    const what =
      `${marks[first.level]} ${group.map(({ where }) => where).join(', ')}: ` +
      `${generic(first.text)}`;
    return first.remedy === '' ? what : `${what}\n  → ${generic(first.remedy)}`;
  });
  const count = (level: Finding['level']): number =>
    findings.filter((finding) => finding.level === level).length;
  const counted = (level: Finding['level'], word: string): string =>
    `${count(level)} ${word}${count(level) === 1 ? '' : 's'}`;
  const summary = `${counted('critical', 'error')}, ${counted('warning', 'warning')}, ${count('ok')} OK`;
  return `${lines.join('\n')}\n\n${summary}`;
}

const levelOf = (group: readonly Finding[]): Finding['level'] => group[0]?.level ?? 'ok';
