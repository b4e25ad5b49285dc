import { FleetError } from '../../model/errors.ts';
import type { HostRanking } from '../../planning/ranking.ts';
import type { WhatIf } from '../../planning/what-if.ts';
import { chalk } from '../style.ts';
import { formatState } from './states.ts';
import { formatPoints, formatTable } from './table.ts';

const spreadOf = (hosts: readonly HostRanking[]): number => {
  const scores = hosts.filter(({ state }) => state === 'up').map(({ score }) => score.total);
  return scores.length === 0 ? 0 : Math.max(...scores) - Math.min(...scores);
};

/** Every host before and after, and what was needed for it. */
export function formatWhatIf({ before, after, placement, rebalance, overloaded }: WhatIf): string {
  const was = new Map(before.map((host) => [host.host, host]));
  const rows = after
    .toSorted((a, b) => (a.host < b.host ? -1 : 1))
    .map(({ host, state, accounts, maxAccounts, score }) => {
      const old = was.get(host);
      const change = (one: string | undefined, other: string): string => (one === other ? other : `${one ?? 'new'} → ${other}`);
      const [slots, points] = [
        change(old && String(old.accounts), String(accounts)),
        change(old && formatPoints(old.score.total), formatPoints(score.total)),
      ];
      return [
        host,
        formatState(state),
        `${slots} of ${maxAccounts}`,
        state === 'dead' ? '–' : points,
        overloaded.includes(host) ? chalk.red('out of memory') : '',
      ];
    });
  const moved = placement.placements.length;
  const lines = [
    `${moved} ${moved === 1 ? 'account gets' : 'accounts get'} a host, ${placement.unplaced.length} find none.`,
    ...(rebalance === null ? [] : [`Then a rebalance: ${rebalance.summary}.`]),
    `Spread of load scores: ${formatPoints(spreadOf(before))} → ${formatPoints(spreadOf(after))} points.`,
  ];
  return `${formatTable(['HOST', 'STATE', 'ACCOUNTS', 'SCORE', ''], rows, 'No hosts.')}\n${lines.join('\n')}`;
}

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
    (host) => new FleetError('placement', `${host} would pass its memory limit`, { host, hint: 'try it with --rebalance or --add-hosts' }),
  ),
];

/** The answer for programs. */
export const whatIfData = ({ before, after, placement, rebalance, overloaded }: WhatIf): Record<string, unknown> => ({
  before,
  after,
  placements: placement.placements.map(({ account, from, host, reason }) => ({ account, from, host, reason })),
  unplaced: placement.unplaced.map(({ account, reason }) => ({ account, reason })),
  rebalance:
    rebalance === null
      ? null
      : { verdict: rebalance.verdict, moves: rebalance.moves, lowerBound: rebalance.lowerBound, summary: rebalance.summary },
  overloaded,
  spreadBefore: spreadOf(before),
  spreadAfter: spreadOf(after),
});
