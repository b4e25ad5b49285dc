import { balanceBatch } from './batch-balance.ts';
import type { FlatFleet } from './flat-fleet.ts';
import { none } from './flat-fleet.ts';
import { type Candidate, HostPreference, rankLength } from './host-preference.ts';
import { pourLevel } from './pour-level.ts';

/** Evening out stops after that many changes per host: each is small by then. */
const stepsPerHost = 20;

/** What the placer decided, in the order in which it must be carried out. */
export interface Assignment {
  readonly placed: readonly { readonly candidate: Candidate; readonly host: number }[];
  readonly leftOver: readonly Candidate[];
  /** The score that the highest host needs to reach anyway, points. */
  readonly peak: number;
}

/**
 * Finds a host for each candidate: hardest first (bound to a host or zones, anti-affine, then heaviest, then by name), each to the
 * host that ranks best among those that accept it. Leaves the fleet as the placements make it.
 */
export function assignHosts(fleet: FlatFleet, candidates: readonly Candidate[]): Assignment {
  const peak = pourLevel(
    fleet,
    candidates.map(({ account }) => account),
  );
  const preference = new HostPreference(fleet, candidates, peak);
  const upHosts = fleet.upHosts();
  const placed: { candidate: Candidate; host: number }[] = [];
  const leftOver: Candidate[] = [];
  for (const candidate of hardestFirst(fleet, candidates)) {
    const host = bestHost(fleet, preference, candidate, upHosts);
    if (host === none) {
      leftOver.push(candidate);
      continue;
    }
    const previous = fleet.hostOf[candidate.account] ?? none;
    fleet.move(candidate.account, host);
    preference.record(candidate.account, host, previous);
    placed.push({ candidate, host });
  }
  balanceBatch(
    fleet,
    placed.filter(({ candidate }) => candidate.strategy === 'load').map(({ candidate }) => candidate.account),
    stepsPerHost * upHosts.length,
  );
  return { placed: placed.map(({ candidate }) => ({ candidate, host: fleet.hostOf[candidate.account] ?? none })), leftOver, peak };
}

function bestHost(fleet: FlatFleet, preference: HostPreference, candidate: Candidate, upHosts: readonly number[]): number {
  let best = none;
  let bestRank = new Float64Array(rankLength);
  let rank = new Float64Array(rankLength);
  for (const host of upHosts) {
    if (!fleet.accepts(candidate.account, host)) continue;
    preference.rank(candidate, host, rank);
    if (best !== none && !ranksLower(rank, bestRank)) continue;
    best = host;
    [bestRank, rank] = [rank, bestRank];
  }
  return best;
}

/** Whether rank `a` is strictly better than rank `b`. */
export function ranksLower(a: Float64Array, b: Float64Array): boolean {
  for (let key = 0; key < rankLength; key++) {
    const difference = (a[key] ?? 0) - (b[key] ?? 0);
    if (difference < 0) return true;
    if (difference > 0) return false;
  }
  return false;
}

/** The order in which candidates are placed: who has fewest choices first. */
function hardestFirst(fleet: FlatFleet, candidates: readonly Candidate[]): Candidate[] {
  const reference = typicalHost(fleet);
  const keyed = candidates.map((candidate) => {
    const { account } = candidate;
    const isBound = fleet.pin[account] !== none ? 0 : fleet.zoneRule[account] !== none ? 1 : 2;
    const isAntiAffine = fleet.anti[account] === none ? 1 : 0;
    return { candidate, isBound, isAntiAffine, weight: reference === none ? 0 : fleet.weight(account, reference) };
  });
  keyed.sort(
    (a, b) => a.isBound - b.isBound || a.isAntiAffine - b.isAntiAffine || b.weight - a.weight || a.candidate.account - b.candidate.account,
  );
  return keyed.map(({ candidate }) => candidate);
}

/** The up host with the median memory, ties by name: the yardstick that orders accounts by weight. */
function typicalHost(fleet: FlatFleet): number {
  const bySize = fleet.upHosts().sort((a, b) => (fleet.hosts[a]?.memoryBytes ?? 0) - (fleet.hosts[b]?.memoryBytes ?? 0) || a - b);
  return bySize[Math.floor(bySize.length / 2)] ?? none;
}
