import type { FlatFleet } from './flat-fleet.ts';
import { none } from './index-keys.ts';
import type { MovableLists } from './movable-lists.ts';

/** Points; below it two scores are the same. */
export const scoreTolerance = 1e-9;

/** Accounts that a host may receive, as weights on hosts of one shape and place, lightest first. */
interface ArrivalClass {
  readonly weights: Float64Array;
  /** Sums of the heaviest 0, 1, 2 ... of them. */
  readonly heaviest: Float64Array;
  readonly members: Int32Array;
  /** Room for `arrivalsBelow`. */
  readonly averages: Float64Array;
}

/** `moves`: no plan has fewer. `low`: where the window that seems cheapest begins, points. */
export interface WidthBound {
  readonly moves: number;
  readonly low: number;
}

/**
 * Lower bounds on voluntary moves. After a plan all scores lie in some window [low, low + width]. A
 * host above it must lose at least as
 * many accounts as its heaviest movable ones need; a host below must gain at least as many as the
 * heaviest that exist and may go there,
 * and two hosts cannot gain the same account. A move serves one source and one target, so no plan
 * has fewer moves than
 * max(departures, arrivals). Judges the fleet as it is when the bound is made. Its loops count,
 * because iterators of typed arrays allocate: they run sixty
 * times over all hosts.
 */
export class MoveBound {
  readonly #score: Float64Array;
  readonly #hosts: Int32Array;
  readonly #lists: MovableLists;
  readonly #classes: readonly ArrivalClass[];
  readonly #heaviestAnywhere: Float64Array;
  readonly #known = new Map<number, WidthBound>();

  constructor(fleet: FlatFleet, lists: MovableLists) {
    this.#score = fleet.score.slice();
    const hosts = fleet.upHosts();
    this.#hosts = Int32Array.from(hosts);
    this.#lists = lists;
    this.#classes = arrivalClasses(fleet, hosts, lists.account);
    this.#heaviestAnywhere = sumsOfHeaviest(
      mostWeights(fleet, hosts, lists.account),
      lists.account.length,
    );
  }

  /**
   * Fewest departures that bring every host to `high` or below; Infinity where what may not move is
   * above it.
   */
  departuresAbove(high: number): number {
    const { start, weight } = this.#lists;
    let moves = 0;
    for (let index = 0; index < this.#hosts.length; index++) {
      const host = this.#hosts[index] as number;
      let excess = (this.#score[host] as number) - high;
      const end = start[host + 1] as number;
      for (let position = start[host] as number; excess > scoreTolerance; position++) {
        if (position === end) return Number.POSITIVE_INFINITY;
        excess -= weight[position] as number;
        moves++;
      }
    }
    return moves;
  }

  /**
   * Fewest arrivals that bring every host to `low` or above; Infinity where all accounts together
   * would not.
   */
  arrivalsBelow(low: number): number {
    let moves = 0;
    let allDeficits = 0;
    for (const { weights, heaviest, members, averages } of this.#classes) {
      let needy = 0;
      for (let index = 0; index < members.length; index++) {
        const host = members[index] as number;
        const deficit = low - (this.#score[host] as number);
        if (deficit <= scoreTolerance) continue;
        const fewest = itemsFor(heaviest, deficit);
        if (fewest === Number.POSITIVE_INFINITY) return fewest;
        moves += fewest;
        allDeficits += deficit;
        averages[needy++] = deficit / fewest;
      }
      moves += needy - dealOut(weights, averages.subarray(0, needy));
    }
    return Math.max(moves, itemsFor(this.#heaviestAnywhere, allDeficits));
  }

  /** The bound for windows of `width` points. */
  forWidth(width: number): WidthBound {
    const known = this.#known.get(width) ?? this.#computeForWidth(width);
    this.#known.set(width, known);
    return known;
  }

  #computeForWidth(width: number): WidthBound {
    if (this.#hosts.length < 2) return { moves: 0, low: 0 };
    let low = -1;
    let high = this.#hosts.reduce((top, host) => Math.max(top, this.#score[host] as number), 0);
    // Departures fall and arrivals grow with the window's low end: they cross once. Nothing may lie
    // between the two ends in the end.
    for (let step = 0; step < 60 && high - low > scoreTolerance; step++) {
      const middle = (low + high) / 2;
      if (this.arrivalsBelow(middle) >= this.departuresAbove(middle + width)) high = middle;
      else low = middle;
    }
    return {
      moves: Math.min(this.departuresAbove(low + width), this.arrivalsBelow(high)),
      low: high,
    };
  }

  /** The smallest spread that this number of moves could possibly reach, points. */
  leastSpread(moves: number, spreadNow: number): number {
    let low = 0;
    let high = spreadNow;
    for (let step = 0; step < 12; step++) {
      const middle = (low + high) / 2;
      if (this.forWidth(middle).moves <= moves) high = middle;
      else low = middle;
    }
    return low;
  }
}

function arrivalClasses(
  fleet: FlatFleet,
  hosts: readonly number[],
  movable: Int32Array,
): ArrivalClass[] {
  const hasZoneRules = movable.some((account) => fleet.zoneRule[account] !== none);
  const shapes = fleet.shapes(hasZoneRules);
  const classes = Map.groupBy(hosts, (host) => shapes[host] as number);
  return [...classes.values()].map((members) => {
    const [host = none] = members;
    const slots = fleet.hosts[host]?.maxAccounts ?? 0;
    const weights = new Float64Array(movable.length);
    let count = 0;
    for (let position = 0; position < movable.length; position++) {
      const account = movable[position] as number;
      if (fleet.allows(account, host)) weights[count++] = fleet.weight(account, host);
    }
    const allowed = weights.subarray(0, count).sort();
    return {
      weights: allowed,
      heaviest: sumsOfHeaviest(allowed, 4 * slots),
      members: Int32Array.from(members),
      averages: new Float64Array(members.length),
    };
  });
}

/** The most that each account can weigh on any of the hosts, lightest first. */
function mostWeights(
  fleet: FlatFleet,
  hosts: readonly number[],
  accounts: Int32Array,
): Float64Array {
  let [cpu, memory, slots] = [0, 0, 0];
  for (const host of hosts) {
    cpu = Math.max(cpu, fleet.cpuPoints[host] as number);
    memory = Math.max(memory, fleet.memoryPoints[host] as number);
    slots = Math.max(slots, fleet.slotPoints[host] as number);
  }
  const weights = new Float64Array(accounts.length);
  for (let position = 0; position < accounts.length; position++) {
    const account = accounts[position] as number;
    weights[position] =
      (fleet.cpu[account] as number) * cpu + (fleet.memory[account] as number) * memory + slots;
  }
  return weights.sort();
}

/** Of weights in ascending order: the sums of the heaviest 0, 1, 2 ... `most`. */
function sumsOfHeaviest(ascending: Float64Array, most: number): Float64Array {
  const count = Math.min(most, ascending.length);
  const sums = new Float64Array(count + 1);
  for (let taken = 0; taken < count; taken++)
    sums[taken + 1] = (sums[taken] as number) + (ascending[ascending.length - 1 - taken] as number);
  return sums;
}

/** Fewest items of ascending sums that reach `need`; Infinity when all together do not. */
function itemsFor(sums: Float64Array, need: number): number {
  if (need <= scoreTolerance) return 0;
  let low = 1;
  let high = sums.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] as number) >= need - scoreTolerance) high = middle;
    else low = middle + 1;
  }
  return low < sums.length ? low : Number.POSITIVE_INFINITY;
}

/**
 * A host that is filled by its fewest k accounts needs one that weighs at least deficit / k. Deals
 * such accounts out, to the most
 * modest host the lightest that will do; returns how many hosts got theirs. Each of the others
 * needs one account more.
 */
function dealOut(weights: Float64Array, averages: Float64Array): number {
  averages.sort();
  let position = 0;
  let dealt = 0;
  for (let index = 0; index < averages.length; index++) {
    const average = averages[index] as number;
    while (position < weights.length && (weights[position] as number) < average - scoreTolerance)
      position++;
    if (position === weights.length) break;
    position++;
    dealt++;
  }
  return dealt;
}
