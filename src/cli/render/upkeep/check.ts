import {
  type AcceptanceCheck,
  type AcceptanceStage,
  acceptanceStages,
} from '../../../facts/acceptance.ts';
import { chalk } from '../../style.ts';

const marks: Readonly<Record<AcceptanceCheck['verdict'], string>> = {
  passed: chalk.green('✔'),
  failed: chalk.red('✖'),
  'not-shown': chalk.yellow('?'),
};

const titles: Readonly<Record<AcceptanceStage, string>> = {
  host: 'EACH HOST',
  accounts: 'EACH ACCOUNT',
  hosts: 'HOST TO HOST',
  load: 'LOAD',
};

/** Stage by stage, with a remedy below whatever has not passed, and the count at the end. */
export function formatChecks(checks: readonly AcceptanceCheck[]): string {
  const parts = acceptanceStages.flatMap((stage) => {
    const lines = checks.filter((check) => check.stage === stage).map(formatCheck);
    return lines.length === 0 ? [] : [[chalk.dim(titles[stage]), ...lines].join('\n')];
  });
  const count = (verdict: AcceptanceCheck['verdict']): number =>
    checks.filter((check) => check.verdict === verdict).length;
  return [
    ...parts,
    `${count('passed')} passed, ${count('failed')} failed, ${count('not-shown')} not shown`,
  ].join('\n\n');
}

const formatCheck = ({ where, verdict, text, remedy }: AcceptanceCheck): string =>
  `${marks[verdict]} ${where}: ${text}${remedy === '' ? '' : `\n  → ${remedy}`}`;
