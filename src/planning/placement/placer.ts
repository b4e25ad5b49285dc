import type { Strategy } from '../../model/inventory.ts';
import type { FlatFleet } from '../fleet/flat-fleet.ts';
import { none } from '../fleet/index-keys.ts';
import { balanceBatch } from './batch-balance.ts';
import { bringNearer } from './batch-nearness.ts';
import { type Candidate, HostPreference, rankLength } from './host-preference.ts';
import { pourLevel } from './pour-level.ts';
import { ShapeHeaps } from './shape-heaps.ts';

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
 * Finds a host for each candidate: hardest first (bound to a host or zones, anti-affine, then
 * heaviest, then by name), each to the
 * host that ranks best among those that accept it; lightest first where that leaves fewer without a
 * host. Then evens out what went by
 * load, and brings nearer what went by location. Leaves the fleet as the placements make it.
 */
export function assignHosts(fleet: FlatFleet, candidates: readonly Candidate[]): Assignment {
  const accounts = candidates.map(({ account }) => account);
  const peak = pourLevel(fleet, accounts);
  const before = fleet.snapshot();
  let pass = placeInOrder(fleet, hardestFirst(fleet, candidates, 1), peak);
  if (pass.leftOver.length > 0) {
    fleet.restore(before);
    const lightestFirst = placeInOrder(fleet, hardestFirst(fleet, candidates, -1), peak);
    if (lightestFirst.leftOver.length < pass.leftOver.length) pass = lightestFirst;
    else {
      fleet.restore(before);
      for (const { candidate, host } of pass.placed) fleet.move(candidate.account, host);
    }
  }
  const chosenBy = (strategy: Strategy): number[] =>
    pass.placed
      .filter(({ candidate }) => candidate.strategy === strategy)
      .map(({ candidate }) => candidate.account);
  balanceBatch(fleet, chosenBy('load'), stepsPerHost * fleet.hosts.length);
  const byLocation = chosenBy('location');
  if (byLocation.length > 0)
    bringNearer(fleet, new HostPreference(fleet, candidates, peak), byLocation);
  const settled = pass.placed.map(({ candidate }) => ({
    candidate,
    host: fleet.hostOf[candidate.account] ?? none,
  }));
  if (pass.leftOver.length === 0) return { placed: settled, leftOver: [], peak };
  // What changed places may have freed a slot that somebody without a host can use.
  const late = placeInOrder(fleet, pass.leftOver, peak);
  return { placed: [...settled, ...late.placed], leftOver: late.leftOver, peak };
}

type Pass = Pick<Assignment, 'placed' | 'leftOver'>;

function placeInOrder(fleet: FlatFleet, ordered: readonly Candidate[], peak: number): Pass {
  const preference = new HostPreference(fleet, ordered, peak);
  const heaps = new ShapeHeaps(
    fleet,
    ordered.some(({ account }) => fleet.zoneRule[account] !== none),
  );
  const bestHost = new BestHost(fleet, preference);
  const refused = new KnownRefusals(fleet);
  const upHosts = fleet.upHosts();
  const tops: number[] = [];
  const placed: { candidate: Candidate; host: number }[] = [];
  const leftOver: Candidate[] = [];
  for (const candidate of ordered) {
    const { account, strategy } = candidate;
    const pin = fleet.pin[account] ?? none;
    let hosts: readonly number[] = upHosts;
    if (pin !== none) hosts = pin < 0 ? [] : [pin];
    else if (refused.isCertain(account)) hosts = [];
    else if (strategy === 'load') hosts = heaps.lowestOfEachShape(account, tops);
    const host = bestHost.among(hosts, candidate, hosts === tops);
    if (host === none) {
      leftOver.push(candidate);
      refused.record(account);
      continue;
    }
    const previous = fleet.hostOf[account] ?? none;
    fleet.move(account, host);
    preference.record(account, host, previous);
    placed.push({ candidate, host });
  }
  return { placed, leftOver };
}

/**
 * Hosts only fill up while a batch is placed: who needs as much memory as somebody whom no host
 * took will find none either.
 */
class KnownRefusals {
  readonly #fleet: FlatFleet;
  readonly #leastMemory = new Map<number, number>();

  constructor(fleet: FlatFleet) {
    this.#fleet = fleet;
  }

  isCertain(account: number): boolean {
    const least = this.#leastMemory.get(this.#fleet.zoneRule[account] ?? none);
    return least !== undefined && (this.#fleet.memory[account] ?? 0) >= least;
  }

  record(account: number): void {
    if (this.#fleet.anti[account] !== none || this.#fleet.pin[account] !== none) return;
    const rule = this.#fleet.zoneRule[account] ?? none;
    this.#leastMemory.set(
      rule,
      Math.min(
        this.#fleet.memory[account] ?? 0,
        this.#leastMemory.get(rule) ?? Number.POSITIVE_INFINITY,
      ),
    );
  }
}

/**
 * Chooses by rank; keeps its two rank buffers, because it chooses for tens of thousands of
 * accounts.
 */
class BestHost {
  readonly #fleet: FlatFleet;
  readonly #preference: HostPreference;
  #bestRank = new Float64Array(rankLength);
  #rank = new Float64Array(rankLength);

  constructor(fleet: FlatFleet, preference: HostPreference) {
    this.#fleet = fleet;
    this.#preference = preference;
  }

  /**
   * The best-ranked of the hosts that accept the candidate, ties to the lower index; `none` when
   * none does. `areAccepting`: all of them are known to.
   */
  among(hosts: readonly number[], candidate: Candidate, areAccepting: boolean): number {
    let best = none;
    for (const host of hosts) {
      if (!areAccepting && !this.#fleet.accepts(candidate.account, host)) continue;
      this.#preference.rank(candidate, host, this.#rank);
      if (
        best !== none &&
        (ranksLower(this.#bestRank, this.#rank) ||
          (!ranksLower(this.#rank, this.#bestRank) && best < host))
      )
        continue;
      best = host;
      const spare = this.#bestRank;
      this.#bestRank = this.#rank;
      this.#rank = spare;
    }
    return best;
  }
}

/** Whether rank `a` is strictly better than rank `b`. */
export function ranksLower(a: Float64Array, b: Float64Array): boolean {
  for (let key = 0; key < rankLength; key++) {
    const difference = (a[key] as number) - (b[key] as number);
    if (difference < 0) return true;
    if (difference > 0) return false;
  }
  return false;
}

/**
 * The order in which candidates are placed: who has fewest choices first, then by weight (-1: light
 * first).
 */
function hardestFirst(
  fleet: FlatFleet,
  candidates: readonly Candidate[],
  heavyFirst: 1 | -1,
): Candidate[] {
  const reference = typicalHost(fleet);
  const freedom = new Uint8Array(fleet.accounts.length);
  const weight = new Float64Array(fleet.accounts.length);
  for (const { account, strategy } of candidates) {
    const ofPlace = fleet.pin[account] !== none ? 0 : fleet.zoneRule[account] !== none ? 1 : 2;
    freedom[account] = 2 * ofPlace + (fleet.anti[account] === none ? 1 : 0);
    // By location heavy ones first would all crowd the host in the middle: nothing but distance
    // keeps them apart.
    if (reference !== none && strategy !== 'location')
      weight[account] = heavyFirst * fleet.weight(account, reference);
  }
  return [...candidates].sort(
    ({ account: a }, { account: b }) =>
      (freedom[a] as number) - (freedom[b] as number) ||
      (weight[b] as number) - (weight[a] as number) ||
      a - b,
  );
}

/**
 * The up host with the median memory, ties by name: the yardstick that orders accounts by weight.
 */
function typicalHost(fleet: FlatFleet): number {
  const bySize = fleet
    .upHosts()
    .sort(
      (a, b) => (fleet.hosts[a]?.memoryBytes ?? 0) - (fleet.hosts[b]?.memoryBytes ?? 0) || a - b,
    );
  return bySize[Math.floor(bySize.length / 2)] ?? none;
}
