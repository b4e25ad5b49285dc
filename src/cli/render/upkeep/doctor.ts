import { someOf } from '../../../model/counted.ts';
import type { Finding } from '../../../model/finding.ts';
import { chalk } from '../../style.ts';

const marks: Readonly<Record<Finding['level'], string>> = {
  critical: chalk.red('✖'),
  warning: chalk.yellow('!'),
  ok: chalk.green('✔'),
};
const order: readonly Finding['level'][] = ['critical', 'warning', 'ok'];

/** `(root@10.0.0.1:22)`: where the host was asked; hosts have that apart, and nothing else. */
const target = / \(\S+@\S+:\d+\)/g;
const generic = ({ where }: Finding, text: string): string =>
  text.replaceAll(where, 'HOST').replaceAll(target, '');

/** What is wrong first, each with its remedy below; what many hosts have in common is said once. */
export function formatFindings(findings: readonly Finding[]): string {
  const groups = Map.groupBy(findings, (finding) =>
    [
      finding.level,
      finding.where === 'here' ? finding.where : '',
      generic(finding, finding.text),
      generic(finding, finding.remedy),
    ].join('\n'),
  );
  const sorted = [...groups.values()].sort(
    (left, right) => order.indexOf(levelOf(left)) - order.indexOf(levelOf(right)),
  );
  const lines = sorted.map((group) => {
    const [first] = group;
    if (first === undefined) return '';
    const shown = (text: string): string => (group.length === 1 ? text : generic(first, text));
    const names = someOf(group.map(({ where }) => where));
    const what = `${marks[first.level]} ${names}: ${shown(first.text)}`;
    return first.remedy === '' ? what : `${what}\n  → ${shown(first.remedy)}`;
  });
  const count = (level: Finding['level']): number =>
    findings.filter((finding) => finding.level === level).length;
  const counted = (level: Finding['level'], word: string): string =>
    `${count(level)} ${word}${count(level) === 1 ? '' : 's'}`;
  const summary = `${counted('critical', 'error')}, ${counted('warning', 'warning')}, ${count('ok')} OK`;
  return `${lines.join('\n')}\n\n${summary}`;
}

const levelOf = (group: readonly Finding[]): Finding['level'] => group[0]?.level ?? 'ok';
