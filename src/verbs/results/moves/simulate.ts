import { FleetError } from '../../../model/errors.ts';
import type { WhatIf } from '../../../planning/advice/what-if.ts';
import type { HostRanking } from '../../../planning/fleet/ranking.ts';

/** What does not fit is the answer that a pipeline asks for, so it fails the command. */
export const whatIfErrors = ({ placement, overloaded }: WhatIf): FleetError[] => [
  ...placement.unplaced.map(
    ({ account, reason, refusals }) =>
      new FleetError('placement', reason, {
        account,
        hint: 'try it with --add-hosts, or raise max_accounts',
        problems: refusals.map((refusal) => `${refusal.host}: ${refusal.message}`),
      }),
  ),
  ...overloaded.map(
    (host) =>
      new FleetError('placement', `${host} would pass its memory limit`, {
        host,
        hint: 'try it with --rebalance or --add-hosts',
      }),
  ),
];

/** The answer for programs. */
export const whatIfData = ({
  before,
  after,
  placement,
  rebalance,
  overloaded,
}: WhatIf): Record<string, unknown> => ({
  before,
  after,
  placements: placement.placements.map(({ account, from, host, reason }) => ({
    account,
    from,
    host,
    reason,
  })),
  unplaced: placement.unplaced.map(({ account, reason }) => ({ account, reason })),
  rebalance:
    rebalance === null
      ? null
      : {
          verdict: rebalance.verdict,
          moves: rebalance.moves,
          lowerBound: rebalance.lowerBound,
          summary: rebalance.summary,
        },
  overloaded,
  spreadBefore: spreadOf(before),
  spreadAfter: spreadOf(after),
});
export const spreadOf = (hosts: readonly HostRanking[]): number => {
  const scores = hosts.filter(({ state }) => state === 'up').map(({ score }) => score.total);
  return scores.length === 0 ? 0 : Math.max(...scores) - Math.min(...scores);
};
