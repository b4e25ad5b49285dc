import type { FlatFleet } from '../fleet/flat-fleet.ts';
import { none } from '../fleet/index-keys.ts';
import type { MovableLists } from '../fleet/movable-lists.ts';
import { scoreTolerance } from '../fleet/move-bound.ts';
import { ScoreBuckets } from '../fleet/score-buckets.ts';
import { typicalArrivals } from './typical-arrivals.ts';
import type { Window } from './window.ts';

/** One voluntary move, as indices of the flat fleet. */
export interface FlatMove {
  readonly account: number;
  readonly from: number;
  readonly to: number;
}

/**
 * How many of the coolest hosts a hot host looks at: one of each quarter point, since hosts of like
 * scores are alike as targets and a
 * choice of needs is what finds a good fit.
 */
const targetReach = 24;
/**
 * How many of the warmest hosts a cold host looks at, and in a fleet of thousands, where that would
 * take its time.
 */
const sourceReach = 400;
const sourceReachAtScale = 100;
const manyHosts = 3000;
/** More than any host has accounts: a host that cannot get into the window by giving. */
const outOfReach = 10_000;

/**
 * One attempt to bring every host's score into a window: hottest host first, each time with the
 * account and the target after which
 * both need the fewest further moves; among equals the one that fits the target's need best, so
 * that heavy accounts stay available
 * where they are needed. Never a move that lifts the target above the window or drops the source
 * below it. Each account moves at most
 * once, and every move keeps all hard rules at its turn.
 *
 * Changes the fleet; `undo` takes everything back.
 */
export class WindowRun {
  readonly moves: FlatMove[] = [];
  readonly #fleet: FlatFleet;
  readonly #lists: MovableLists;
  readonly #window: Window;
  readonly #moved: Uint8Array;
  /** Accounts of each host that may still move. */
  readonly #remaining: Int32Array;
  /** Points that the typical arrival adds to each host. */
  readonly #typicalArrival: Float64Array;
  /** Such arrivals that each host needs now. */
  readonly #needed: Int32Array;
  readonly #all: ScoreBuckets;
  readonly #givers: ScoreBuckets;
  readonly #takers: ScoreBuckets;
  /** Hosts that are not up but may give: what leaves them changes no window. */
  readonly #outside: readonly number[];
  readonly #nearTargets: Int32Array;
  readonly #nearSources: Int32Array;
  readonly #everyHost: Int32Array;

  #bestCost = 0;
  #bestSlack = 0;
  #bestAccount: number = none;
  #bestTarget: number = none;

  constructor(fleet: FlatFleet, lists: MovableLists, window: Window) {
    const hostCount = fleet.hosts.length;
    this.#fleet = fleet;
    this.#lists = lists;
    this.#window = window;
    this.#moved = new Uint8Array(fleet.accounts.length);
    this.#remaining = new Int32Array(hostCount);
    this.#typicalArrival = typicalArrivals(fleet, lists, window);
    this.#needed = new Int32Array(hostCount);
    this.#all = new ScoreBuckets(hostCount);
    this.#givers = new ScoreBuckets(hostCount);
    this.#takers = new ScoreBuckets(hostCount);
    this.#everyHost = new Int32Array(hostCount);
    this.#nearTargets = new Int32Array(targetReach);
    this.#nearSources = new Int32Array(hostCount > manyHosts ? sourceReachAtScale : sourceReach);
    const outside: number[] = [];
    for (let host = 0; host < hostCount; host++) {
      this.#remaining[host] = (lists.start[host + 1] as number) - (lists.start[host] as number);
      if (fleet.up[host] === 1) this.#rebucket(host);
      else if ((this.#remaining[host] as number) > 0) outside.push(host);
    }
    this.#outside = outside;
  }

  /** Returns whether all hosts ended in the window. */
  run(): boolean {
    const fleet = this.#fleet;
    const window = this.#window;
    while (this.moves.length <= window.maxMoves) {
      const hot = this.#all.extreme(fleet.score, true);
      if (hot === none) return true;
      if ((fleet.score[hot] as number) > window.high + scoreTolerance) {
        if (!this.#relieve(hot)) return false;
        continue;
      }
      const cold = this.#all.extreme(fleet.score, false);
      if ((fleet.score[cold] as number) >= window.low - scoreTolerance) return true;
      if (!this.#fill(cold)) return false;
    }
    return false;
  }

  /** Takes all moves back, last one first. */
  undo(): void {
    for (let index = this.moves.length - 1; index >= 0; index--) {
      const move = this.moves[index] as FlatMove;
      this.#fleet.move(move.account, move.from);
    }
    this.moves.length = 0;
  }

  /** Moves one account off a host above the window. */
  #relieve(hot: number): boolean {
    this.#bestCost = Number.POSITIVE_INFINITY;
    this.#considerTargets(hot, this.#nearTargets);
    if (this.#bestCost === Number.POSITIVE_INFINITY) this.#considerTargets(hot, this.#everyHost);
    return this.#takeBest();
  }

  /** Moves one account to a host below the window, or off it where it has no free slot. */
  #fill(cold: number): boolean {
    if ((this.#fleet.freeSlots[cold] as number) <= 0) return this.#makeRoom(cold);
    this.#bestCost = Number.POSITIVE_INFINITY;
    for (const source of this.#outside) this.#considerSource(source, cold);
    this.#considerSources(cold, this.#nearSources);
    if (this.#bestCost === Number.POSITIVE_INFINITY) this.#considerSources(cold, this.#everyHost);
    return this.#takeBest();
  }

  #considerTargets(hot: number, targets: Int32Array): void {
    const fleet = this.#fleet;
    const lists = this.#lists;
    const window = this.#window;
    const moved = this.#moved;
    const count = this.#takers.collect(
      targets,
      false,
      targets === this.#nearTargets ? 1 : undefined,
    );
    const score = fleet.score[hot] as number;
    const end = lists.start[hot + 1] as number;
    for (let position = lists.start[hot] as number; position < end; position++) {
      const account = lists.account[position] as number;
      const scoreAfter = score - (lists.weight[position] as number);
      if (moved[account] === 1 || scoreAfter < window.low - scoreTolerance) continue;
      const furtherDepartures = this.#departures(hot, scoreAfter, account);
      for (let index = 0; index < count; index++)
        this.#considerMove(account, targets[index] as number, furtherDepartures);
    }
  }

  #considerSources(cold: number, sources: Int32Array): void {
    const count = this.#givers.collect(sources, true);
    for (let index = 0; index < count; index++)
      this.#considerSource(sources[index] as number, cold);
  }

  #considerSource(source: number, cold: number): void {
    if (source === cold) return;
    const fleet = this.#fleet;
    const lists = this.#lists;
    const window = this.#window;
    const moved = this.#moved;
    const least = fleet.up[source] === 1 ? window.low - scoreTolerance : Number.NEGATIVE_INFINITY;
    const end = lists.start[source + 1] as number;
    for (let position = lists.start[source] as number; position < end; position++) {
      const account = lists.account[position] as number;
      if (
        moved[account] === 1 ||
        (fleet.score[source] as number) - (lists.weight[position] as number) < least
      )
        continue;
      this.#considerMove(account, cold, 0);
    }
  }

  /**
   * Keeps the move when it is allowed and leaves fewer further moves, or as many with a better fit,
   * than the best so far.
   */
  #considerMove(account: number, target: number, furtherDepartures: number): void {
    const fleet = this.#fleet;
    const window = this.#window;
    const after = (fleet.score[target] as number) + fleet.weight(account, target);
    if (after > window.high + scoreTolerance) return;
    const typical = this.#typicalArrival[target] as number;
    const stillNeeded = arrivalsFor(window.low - after, typical);
    const cost = furtherDepartures + stillNeeded - (this.#needed[target] as number);
    if (cost > this.#bestCost) return;
    const slack = stillNeeded * typical + after - window.low;
    if (cost === this.#bestCost && slack >= this.#bestSlack - scoreTolerance) return;
    if (!fleet.accepts(account, target)) return;
    this.#bestCost = cost;
    this.#bestSlack = slack;
    this.#bestAccount = account;
    this.#bestTarget = target;
  }

  #takeBest(): boolean {
    if (this.#bestCost === Number.POSITIVE_INFINITY) return false;
    this.#take(this.#bestAccount, this.#bestTarget);
    return true;
  }

  /**
   * First half of an exchange: the lightest account that another host takes leaves a full host that
   * is too cold.
   */
  #makeRoom(full: number): boolean {
    const fleet = this.#fleet;
    const lists = this.#lists;
    const window = this.#window;
    const moved = this.#moved;
    const count = this.#takers.collect(this.#everyHost, false);
    for (
      let position = (lists.start[full + 1] as number) - 1;
      position >= (lists.start[full] as number);
      position--
    ) {
      const account = lists.account[position] as number;
      if (moved[account] === 1) continue;
      for (let index = 0; index < count; index++) {
        const target = this.#everyHost[index] as number;
        const after = (fleet.score[target] as number) + fleet.weight(account, target);
        if (after > window.high + scoreTolerance || !fleet.accepts(account, target)) continue;
        this.#take(account, target);
        return true;
      }
    }
    return false;
  }

  /** Fewest departures that bring a host of that score into the window when `except` has left. */
  #departures(host: number, score: number, except: number): number {
    const lists = this.#lists;
    const moved = this.#moved;
    let excess = score - this.#window.high;
    let moves = 0;
    const end = lists.start[host + 1] as number;
    for (let position = lists.start[host] as number; excess > scoreTolerance; position++) {
      if (position === end) return outOfReach;
      const account = lists.account[position] as number;
      if (account === except || moved[account] === 1) continue;
      excess -= lists.weight[position] as number;
      moves++;
    }
    return moves;
  }

  #take(account: number, to: number): void {
    const from = this.#fleet.hostOf[account] as number;
    this.#fleet.move(account, to);
    this.#moved[account] = 1;
    this.moves.push({ account, from, to });
    this.#remaining[from] = (this.#remaining[from] as number) - 1;
    if (this.#fleet.up[from] === 1) this.#rebucket(from);
    this.#rebucket(to);
  }

  #rebucket(host: number): void {
    const score = this.#fleet.score[host] as number;
    this.#needed[host] = arrivalsFor(
      this.#window.low - score,
      this.#typicalArrival[host] as number,
    );
    this.#all.put(host, score);
    if ((this.#remaining[host] as number) > 0) this.#givers.put(host, score);
    else this.#givers.remove(host);
    if ((this.#fleet.freeSlots[host] as number) > 0) this.#takers.put(host, score);
    else this.#takers.remove(host);
  }
}

function arrivalsFor(deficit: number, typicalArrival: number): number {
  return deficit <= scoreTolerance ? 0 : Math.ceil(deficit / typicalArrival - scoreTolerance);
}
