import { FleetError } from '../../model/errors.ts';
import type { AllocationPlan } from '../../workflows/allocate.ts';
import type { GrantOutcome } from '../../workflows/grant-accounts.ts';
import { chalk } from '../style.ts';
import { formatState } from './states.ts';
import { formatPoints, formatTable } from './table.ts';

/** The plan for people: where every account goes and why. */
export function formatPlan({ placement, resumed, heldHere }: AllocationPlan): string {
  const rows = [
    ...resumed.map(({ account, to_host, phase }) => [account, to_host, '', `carried on from an earlier run (${phase})`]),
    ...heldHere.map(({ account, host }) => [account, host, '', 'held since its host booted; given back once every host was asked']),
    ...placement.placements.map(({ account, host, scoreBefore, scoreAfter, reason }) => [
      account,
      host,
      `${formatPoints(scoreBefore.total)} → ${formatPoints(scoreAfter.total)}`,
      reason,
    ]),
  ];
  if (rows.length === 0) return chalk.dim('Nothing to allocate.');
  const spread = `Spread of load scores: ${formatPoints(placement.spreadBefore)} → ${formatPoints(placement.spreadAfter)} points.`;
  return `${formatTable(['ACCOUNT', 'HOST', 'SCORE', 'WHY'], rows, '')}\n${chalk.dim(spread)}`;
}

/** One error per account that no host takes, with every host's reason. */
export const unplacedErrors = ({ placement }: AllocationPlan): FleetError[] =>
  placement.unplaced.map(
    ({ account, reason, refusals }) =>
      new FleetError('placement', reason, {
        account,
        hint: 'add a host, raise max_accounts, or uncordon one; fleet rankings shows what is free',
        problems: refusals.map(({ host, message }) => `${host}: ${message}`),
      }),
  );

/** The plan for programs. */
export const planData = ({ placement, resumed, heldHere }: AllocationPlan): Record<string, unknown> => ({
  ...placement,
  resumed: resumed.map(({ account, to_host, phase, epoch }) => ({ account, host: to_host, phase, epoch })),
  held: heldHere.map(({ account, host }) => ({ account, host })),
});

export function formatOutcomes(outcomes: readonly GrantOutcome[]): string {
  const online = outcomes.filter(({ state }) => state === 'online').length;
  const table = formatTable(
    ['ACCOUNT', 'HOST', 'STATE'],
    outcomes.map(({ account, host, state }) => [account, host, formatState(state)]),
    'nothing was done',
  );
  return `${table}\n${online} of ${outcomes.length} online.`;
}
