import { formatAge } from '../../../model/time-words.ts';
import { aboutOf } from '../../../verbs/results/hosts/trial.ts';
import type { ScriptTrial, TrialOutcome } from '../../../workflows/trials/try-scripts.ts';
import { chalk } from '../../style.ts';
import { called } from '../account-names.ts';

/** What will be tried, on whom, and what decides. Empty: no trial. */
export function formatTrial(trial: ScriptTrial): string {
  if (trial.kind === 'none') return '';
  const { accounts, others, watchMs, maxErrors } = aboutOf(trial);
  const names = accounts.map(called).join(', ');
  const goesOn =
    trial.kind === 'resumed'
      ? `This continues the trial that was begun (${trial.canary.phase}). `
      : '';
  const rest =
    others.length === 0
      ? 'There are no others.'
      : `${others.length} others get it if the trial goes well, and keep what they have otherwise.`;
  return (
    `${goesOn}First ${names}, watched for ${formatAge(watchMs)}: they must stay online, and ` +
    `at most ${Math.round(maxErrors * 100)} % more of their answers may fail than of the ` +
    `others'. ${rest}`
  );
}

/** How it ended, and whatever failed. */
export function formatTrialEnd({ canary, verdict }: TrialOutcome): string {
  const seen = verdict === null ? '' : `: ${verdict.reason}`;
  if (canary.phase === 'done') return `${chalk.green('It is on all accounts now')}${seen}.`;
  if (canary.phase === 'put-back') return chalk.red(`It was rolled back: ${canary.note}.`);
  return chalk.yellow(`The trial is open (${canary.phase}).`);
}
