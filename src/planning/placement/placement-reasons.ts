import type { FlatFleet } from '../fleet/flat-fleet.ts';
import type { AccountView, HostView } from '../fleet/fleet-view.ts';
import { none } from '../fleet/index-keys.ts';
import {
  countRefusals,
  formatRefusalCounts,
  listRefusals,
  type RefusalCounts,
} from '../fleet/refusals.ts';
import type { LoadScore } from '../fleet/score.ts';
import { type Candidate, HostPreference, rankLength } from './host-preference.ts';
import type { PlacementDecision, UnplacedAccount } from './placement-plan.ts';
import { type Assignment, ranksLower } from './placer.ts';
import { explainChoice, explainRival } from './preference-words.ts';

export type Detail = 'each-host' | 'counts';

/**
 * Replays an assignment on the fleet as it was before and says, at each step, why the chosen host
 * and why no other. Reasons are made from the
 * state in which the move will be carried out, not from the planner's memory of why it tried it.
 */
export function explainAssignment(
  fleet: FlatFleet,
  candidates: readonly Candidate[],
  assignment: Assignment,
  detail: Detail,
): { placements: PlacementDecision[]; unplaced: UnplacedAccount[] } {
  const preference = new HostPreference(fleet, candidates, assignment.peak);
  /** Of each host since it got its last account. */
  const scores = new Array<LoadScore | undefined>(fleet.hosts.length);
  const placements = assignment.placed.map(({ candidate, host }) => {
    const { account, strategy } = candidate;
    const scoreBefore = scores[host] ?? fleet.scoreOf(host);
    const why = explainStep(fleet, preference, candidate, host, detail);
    const previous = fleet.hostOf[account] ?? none;
    fleet.move(account, host);
    preference.record(account, host, previous);
    const scoreAfter = fleet.scoreOf(host);
    if (previous !== none) scores[previous] = undefined;
    scores[host] = scoreAfter;
    const [accountView, hostView] = [
      fleet.accounts[account] as AccountView,
      fleet.hosts[host] as HostView,
    ];
    const { reason, runnersUp, refusals } = why;
    return {
      account: accountView.name,
      from: accountView.host,
      host: hostView.name,
      strategy,
      reason,
      scoreBefore,
      scoreAfter,
      runnersUp,
      refusals,
    };
  });
  const countsByDemand = new Map<string, RefusalCounts>();
  const unplaced = assignment.leftOver.map((candidate) =>
    explainLeftOver(fleet, candidate, detail, countsByDemand),
  );
  return { placements, unplaced };
}

/** One for all: a batch of thousands lists no hosts. */
const unlisted: readonly never[] = [];

function explainStep(
  fleet: FlatFleet,
  preference: HostPreference,
  candidate: Candidate,
  host: number,
  detail: Detail,
): Pick<PlacementDecision, 'reason' | 'runnersUp' | 'refusals'> {
  if (detail === 'counts')
    return {
      reason: explainChoice(fleet, preference, candidate, host, null),
      runnersUp: unlisted,
      refusals: unlisted,
    };
  const rivals = rankRivals(fleet, preference, candidate, host);
  const runnersUp = rivals.map((rival) => explainRival(fleet, preference, candidate, host, rival));
  const reason = explainChoice(fleet, preference, candidate, host, rivals);
  return { reason, runnersUp, refusals: listRefusals(fleet, candidate.account) };
}

/** Every other host that would take the account, best first. */
function rankRivals(
  fleet: FlatFleet,
  preference: HostPreference,
  candidate: Candidate,
  chosen: number,
): number[] {
  const ranked: { host: number; rank: Float64Array }[] = [];
  for (const host of fleet.upHosts()) {
    if (host === chosen || !fleet.accepts(candidate.account, host)) continue;
    const rank = new Float64Array(rankLength);
    preference.rank(candidate, host, rank);
    ranked.push({ host, rank });
  }
  ranked.sort((a, b) =>
    ranksLower(a.rank, b.rank) ? -1 : ranksLower(b.rank, a.rank) ? 1 : a.host - b.host,
  );
  return ranked.map(({ host }) => host);
}

/**
 * `countsByDemand` saves counting the same refusals again for accounts that differ in nothing that
 * a hard rule looks at.
 */
function explainLeftOver(
  fleet: FlatFleet,
  { account, strategy }: Candidate,
  detail: Detail,
  countsByDemand: Map<string, RefusalCounts>,
): UnplacedAccount {
  const accountView = fleet.accounts[account];
  if (accountView === undefined) throw new RangeError(`no account ${account}`);
  const demand = [
    fleet.memory[account],
    fleet.zoneRule[account],
    fleet.anti[account],
    fleet.pin[account],
  ].join();
  const refusalCounts = countsByDemand.get(demand) ?? countRefusals(fleet, account);
  countsByDemand.set(demand, refusalCounts);
  const reason = `no host takes ${accountView.name}: ${formatRefusalCounts(refusalCounts)}`;
  const refusals = detail === 'each-host' ? listRefusals(fleet, account) : [];
  return {
    account: accountView.name,
    from: accountView.host,
    strategy,
    reason,
    refusals,
    refusalCounts,
  };
}
