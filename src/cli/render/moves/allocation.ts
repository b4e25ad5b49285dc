import type { AllocationPlan } from '../../../workflows/moves/allocate.ts';
import type { GrantOutcome } from '../../../workflows/ownership/grant-outcome.ts';
import { chalk } from '../../style.ts';
import { noAccounts } from '../accounts/accounts.ts';
import { formatState } from '../states.ts';
import { formatPoints, formatTable } from '../table.ts';

/** The plan for people: where every account goes and why. */
export function formatPlan({ placement, resumed, heldHere, keyIds }: AllocationPlan): string {
  const rows = [
    ...resumed.map(({ account, to_host, phase }) => [
      account,
      to_host,
      '',
      `continued from an earlier run (${phase})`,
    ]),
    ...heldHere.map(({ account, host }) => [
      account,
      host,
      '',
      'held since its host booted; starts once every host has been asked',
    ]),
    ...placement.placements.map(({ account, host, scoreBefore, scoreAfter, reason }) => [
      account,
      host,
      `${formatPoints(scoreBefore.total)} → ${formatPoints(scoreAfter.total)}`,
      reason,
    ]),
  ];
  if (rows.length === 0) return chalk.dim(nothingToPlace(keyIds.size, placement.unplaced.length));
  const spread =
    `Spread of load scores: ${formatPoints(placement.spreadBefore)} → ` +
    `${formatPoints(placement.spreadAfter)} points.`;
  return `${formatTable(['ACCOUNT', 'HOST', 'SCORE', 'WHY'], rows, '')}\n${chalk.dim(spread)}`;
}

/** Why no account gets a host now, and what to do about it. */
function nothingToPlace(accounts: number, unplaced: number): string {
  if (accounts === 0) return noAccounts;
  if (unplaced > 0)
    return unplaced === 1
      ? 'No host takes the account:'
      : `None of these ${unplaced} accounts finds a host:`;
  return 'Nothing to allocate: every account has a host or was stopped (fleet accounts list).';
}

export function formatOutcomes(outcomes: readonly GrantOutcome[]): string {
  const online = outcomes.filter(({ state }) => state === 'online').length;
  const table = formatTable(
    ['ACCOUNT', 'HOST', 'STATE'],
    outcomes.map(({ account, host, state }) => [account, host, formatState(state)]),
    'nothing was done',
  );
  return `${table}\n${online} of ${outcomes.length} online.`;
}
