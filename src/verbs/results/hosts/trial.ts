import type { Canary } from '../../../ledger/queries/canaries.ts';
import { FleetError } from '../../../model/errors.ts';
import type { ScriptTrial, TrialOutcome } from '../../../workflows/trials/try-scripts.ts';

/** What was put back is a failure of what was to be done. */
export const trialErrors = ({ canary, errors }: TrialOutcome): FleetError[] => [
  ...errors,
  ...(canary.phase === 'put-back'
    ? [
        new FleetError(
          'canary',
          `put back after a trial on ${canary.accounts.join(', ')}: ${canary.note}`,
          {
            hint:
              'all accounts have what they had before, and keep it until something else is ' +
              'pushed; fleet why-silent ACCOUNT and fleet logs ACCOUNT say more',
          },
        ),
      ]
    : []),
];

/** For programs. */
export const trialData = (
  trial: ScriptTrial,
  outcome: TrialOutcome | null,
): Record<string, unknown> | null => {
  if (trial.kind === 'none') return null;
  const { accounts, others, watchMs, maxErrors } = aboutOf(trial);
  const phase =
    outcome?.canary.phase ?? (trial.kind === 'resumed' ? trial.canary.phase : 'planned');
  return {
    accounts,
    others,
    watchMs,
    maxErrors,
    isResumed: trial.kind === 'resumed',
    phase,
    verdict: outcome?.verdict ?? null,
  };
};
export const aboutOf = (trial: Exclude<ScriptTrial, { kind: 'none' }>): About =>
  trial.kind === 'new' ? trial.draft : trial.canary;
type About = Pick<Canary, 'accounts' | 'others' | 'watchMs' | 'maxErrors'>;
