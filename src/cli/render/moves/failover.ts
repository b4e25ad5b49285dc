import { formatAge, formatTime } from '../../../model/time-words.ts';
import type { FailoverPlan } from '../../../workflows/moves/failover.ts';
import { chalk } from '../../style.ts';
import { formatPoints, formatTable } from '../table.ts';

/**
 * The plan for people: where every account goes, why, and how old the state is that it continues
 * from.
 */
export function formatFailover(
  { host, placement, statesTakenAtMs, resumed }: FailoverPlan,
  nowMs: number,
): string {
  const age = (account: string): string => {
    const takenAtMs = statesTakenAtMs.get(account) ?? null;
    return takenAtMs === null ? 'none kept' : `${formatAge(nowMs - takenAtMs)} old`;
  };
  const rows = [
    ...resumed.map(({ account, to_host, phase }) => [
      account,
      to_host,
      '',
      age(account),
      `continued from an earlier run (${phase})`,
    ]),
    ...placement.placements.map(({ account, host: to, scoreBefore, scoreAfter, reason }) => [
      account,
      to,
      `${formatPoints(scoreBefore.total)} → ${formatPoints(scoreAfter.total)}`,
      age(account),
      reason,
    ]),
  ];
  const spread =
    `Spread of load scores: ${formatPoints(placement.spreadBefore)} → ` +
    `${formatPoints(placement.spreadAfter)} points.`;
  return (
    `${formatTable(['ACCOUNT', 'TO', 'SCORE', 'STATE', 'WHY'], rows, `${host} owns no account.`)}` +
    `\n${chalk.dim(spread)}`
  );
}

/** What a fenced host must not do yet. */
export const formatKeepOff = (host: string, untilMs: number, nowMs: number): string =>
  untilMs <= nowMs
    ? ''
    : `\n${chalk.yellow(keepOff(host, formatTime(untilMs), formatAge(untilMs - nowMs)))}`;

const keepOff = (host: string, time: string, left: string): string =>
  `Keep ${host} off until ${time} (${left}): ` +
  'switched on before then it would start its accounts by itself.';
