import type { WhatIf } from '../../../planning/advice/what-if.ts';
import { spreadOf } from '../../../verbs/results/moves/simulate.ts';
import { chalk } from '../../style.ts';
import { noHosts } from '../hosts/hosts.ts';
import { formatState } from '../states.ts';
import { formatPoints, formatTable } from '../table.ts';

/** Every host before and after, and what was needed for it. */
export function formatWhatIf({ before, after, placement, rebalance, overloaded }: WhatIf): string {
  const was = new Map(before.map((host) => [host.host, host]));
  const rows = after
    .toSorted((a, b) => (a.host < b.host ? -1 : 1))
    .map(({ host, state, accounts, maxAccounts, score }) => {
      const old = was.get(host);
      const change = (one: string | undefined, other: string): string =>
        one === other ? other : `${one ?? 'new'} → ${other}`;
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
    moved + placement.unplaced.length === 0
      ? 'No account needs a host.'
      : `${moved} ${moved === 1 ? 'account gets' : 'accounts get'} a host, ` +
        `${placement.unplaced.length} do not.`,
    ...(rebalance === null ? [] : [`Then a rebalance: ${rebalance.summary}.`]),
    `Spread of load scores: ${formatPoints(spreadOf(before))} → ` +
      `${formatPoints(spreadOf(after))} points.`,
  ];
  return (
    `${formatTable(['HOST', 'STATE', 'ACCOUNTS', 'SCORE', ''], rows, noHosts)}` +
    `\n${lines.join('\n')}`
  );
}
