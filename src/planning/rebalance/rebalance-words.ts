import type { AccountName, HostName } from '../../model/names.ts';
import type { FlatFleet } from '../fleet/flat-fleet.ts';
import { none } from '../fleet/index-keys.ts';
import { scoreTolerance } from '../fleet/move-bound.ts';
import { points } from '../placement/preference-words.ts';
import type { Blocker, RebalanceMove, RebalancePlan } from './rebalance-plan.ts';
import type { FlatMove } from './window-run.ts';

/** Replays the moves and says what each does to its two hosts. Leaves the fleet after the moves. */
export function explainMoves(fleet: FlatFleet, moves: readonly FlatMove[]): RebalanceMove[] {
  return moves.map(({ account, from, to }) => {
    const [fromScoreBefore, toScoreBefore] = [fleet.score[from] ?? 0, fleet.score[to] ?? 0];
    const isFromOutside = fleet.up[from] === 0;
    fleet.move(account, to);
    const [fromScoreAfter, toScoreAfter] = [fleet.score[from] ?? 0, fleet.score[to] ?? 0];
    const scores = { fromScoreBefore, fromScoreAfter, toScoreBefore, toScoreAfter };
    const names = {
      account: nameOfAccount(fleet, account),
      from: nameOfHost(fleet, from),
      to: nameOfHost(fleet, to),
    };
    return { ...names, reason: reasonOf(names.from, names.to, isFromOutside, scores), ...scores };
  });
}

type Scores = Pick<
  RebalanceMove,
  'fromScoreBefore' | 'fromScoreAfter' | 'toScoreBefore' | 'toScoreAfter'
>;

function reasonOf(from: HostName, to: HostName, isFromOutside: boolean, scores: Scores): string {
  const gap = scores.fromScoreBefore - scores.toScoreBefore;
  const changes =
    `${points(scores.fromScoreBefore)} -> ${points(scores.fromScoreAfter)} and ` +
    `${points(scores.toScoreBefore)} -> ${points(scores.toScoreAfter)}`;
  if (isFromOutside)
    return `${to} is too low and ${from}, which is cordoned, can spare it: ${changes}`;
  if (gap > 0) return `${from} is ${points(gap)} points above ${to}: ${changes}`;
  return `makes room on ${from} for a heavier account: ${changes}`;
}

/** Hosts named at most: with a small cap on moves, half a big fleet may be outside the target. */
const mostBlockers = 20;

/**
 * The hosts that are farthest outside the target, highest first, and what keeps them there. The
 * fleet has
 * to be as it is after the moves.
 */
export function listBlockers(
  fleet: FlatFleet,
  moves: readonly FlatMove[],
  targetSpread: number,
): Blocker[] {
  const scores = fleet.upHosts().map((host) => fleet.score[host] ?? 0);
  const lowest = Math.min(...scores);
  const highest = Math.max(...scores);
  const moved = new Set(moves.map(({ account }) => account));
  const farthest = fleet
    .upHosts()
    .map((host) => ({
      host,
      by:
        Math.max((fleet.score[host] ?? 0) - lowest, highest - (fleet.score[host] ?? 0)) -
        targetSpread,
    }))
    .filter(({ by }) => by > scoreTolerance)
    .sort((a, b) => b.by - a.by || a.host - b.host)
    .slice(0, mostBlockers);
  const blockers = farthest.map(({ host }) => {
    const score = fleet.score[host] ?? 0;
    const isHigh = score - lowest >= highest - score;
    return {
      host: nameOfHost(fleet, host),
      score,
      reason: isHigh ? whyHigh(fleet, host, moved) : whyLow(fleet, host),
    };
  });
  return blockers.sort((a, b) => b.score - a.score || (a.host < b.host ? -1 : 1));
}

function whyHigh(fleet: FlatFleet, host: number, moved: ReadonlySet<number>): string {
  const residents = fleet.residents(host);
  const stays = `stays at ${points(fleet.score[host] ?? 0)}`;
  if (residents.length === 0) return `${stays}: has no accounts, the load is its own`;
  const pinned = residents.filter((account) => fleet.pin[account] !== none).length;
  const movable = residents.filter(
    (account) => fleet.movable[account] === 1 && !moved.has(account),
  ).length;
  const resting = residents.length - pinned - movable;
  if (pinned === residents.length) return `${stays}: all ${pinned} accounts are pinned to it`;
  const are = (count: number): string => (count === 1 ? 'is' : 'are');
  const parts = [
    `${pinned} ${are(pinned)} pinned to it`,
    `${resting} ${resting === 1 ? 'rests' : 'rest'} after a move`,
    `${movable} may move, none within the limits of this plan`,
  ].filter((part) => !part.startsWith('0 '));
  return `${stays}: of ${residents.length} accounts, ${parts.join(', ')}`;
}

function whyLow(fleet: FlatFleet, host: number): string {
  const stays = `stays at ${points(fleet.score[host] ?? 0)}`;
  if ((fleet.freeSlots[host] ?? 0) <= 0) return `${stays}: no free slot`;
  const canCome = fleet.accounts.some(
    (_, account) =>
      fleet.movable[account] === 1 &&
      fleet.hostOf[account] !== host &&
      fleet.accepts(account, host),
  );
  return canCome
    ? `${stays}: accounts could come, but none within the limits of this plan`
    : `${stays}: no account that may move is allowed there or fits`;
}

/** One line for people. */
export function summarise(plan: Omit<RebalancePlan, 'summary'>): string {
  const [before, after, target] = [
    points(plan.spreadBefore),
    points(plan.spreadAfter),
    points(plan.targetSpread),
  ];
  const count = plan.moves.length;
  switch (plan.verdict) {
    case 'balanced':
      return `nothing to do: the spread is ${before}, the threshold ${points(plan.threshold)}`;
    case 'planned':
      return (
        `${moves(count)} bring${count === 1 ? 's' : ''} the spread from ${before} to ` +
        `${after}; no plan can do it in fewer than ${plan.lowerBound}`
      );
    case 'partial':
      return (
        `${moves(count)} bring${count === 1 ? 's' : ''} the spread from ${before} to ` +
        `${after}, not to ${target}: ${whyMissed(plan)}`
      );
    case 'blocked':
      return `no move brings the spread of ${before} down: ${whyMissed(plan)}`;
  }
}

function whyMissed({
  lowerBound,
  maxMoves,
  blockers,
}: Pick<RebalancePlan, 'lowerBound' | 'maxMoves' | 'blockers'>): string {
  if (lowerBound !== null && lowerBound > maxMoves)
    return `that takes at least ${moves(lowerBound)}, ${maxMoves} are allowed`;
  const [first] = blockers;
  const others = blockers.length > 1 ? ` (and ${blockers.length - 1} more hosts)` : '';
  return first === undefined
    ? 'no host can give or take more'
    : `${first.host} ${first.reason}${others}`;
}

function moves(count: number): string {
  return count === 1 ? '1 move' : `${count} moves`;
}

function nameOfAccount(fleet: FlatFleet, account: number): AccountName {
  const view = fleet.accounts[account];
  if (view === undefined) throw new RangeError(`no account ${account}`);
  return view.name;
}

function nameOfHost(fleet: FlatFleet, host: number): HostName {
  const view = fleet.hosts[host];
  if (view === undefined) throw new RangeError(`no host ${host}`);
  return view.name;
}
