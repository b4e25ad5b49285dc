import type { FlatFleet, FleetSnapshot } from '../fleet/flat-fleet.ts';
import type { MovableLists } from '../fleet/movable-lists.ts';
import type { MoveBound } from '../fleet/move-bound.ts';
import { searchExactly } from './exact-search.ts';
import { type FlatMove, WindowRun } from './window-run.ts';

/** Moves in the order in which they are carried out, and the spread that they leave, points. */
export interface FoundMoves {
  readonly moves: readonly FlatMove[];
  readonly spread: number;
}

/**
 * Where to put the window relative to where the bound's two sides cross, and how heavy an arrival
 * to count on. Best guesses first.
 */
const guesses: readonly { readonly offset: number; readonly quantile: number }[] = [
  { offset: -0.1, quantile: 0.95 },
  { offset: 0, quantile: 0.95 },
  { offset: -0.25, quantile: 0.95 },
  { offset: 0, quantile: 0.9 },
  { offset: -0.1, quantile: 0.98 },
  { offset: 0.2, quantile: 0.98 },
  { offset: -0.5, quantile: 0.9 },
  { offset: 0, quantile: 0.8 },
  ...[0.6, -1, 1.2, -2, 2, 3].flatMap((offset) =>
    [0.95, 0.7].map((quantile) => ({ offset, quantile })),
  ),
  ...[-0.1, -0.6, 0.6, -1.5, 1.5].flatMap((offset) =>
    [0.5, 1].map((quantile) => ({ offset, quantile })),
  ),
];

/**
 * Hosts × runs that one search may spend: on ten thousand hosts the first guess is within a
 * hundredth of the best of many.
 */
const runBudget = 4000;
const leastRuns = 1;
/** Fleets up to this size also get the best spread for their number of moves. */
const tightenLimit = 200;
/** Up to this size the search for it is thorough: a tenth of a second at most. */
const thoroughLimit = 60;
const hastyGuesses = 6;

/** Tries windows on one fleet. The fleet is as before after every call. */
export class WindowSearch {
  readonly #fleet: FlatFleet;
  readonly #lists: MovableLists;
  readonly #bound: MoveBound;
  readonly #before: FleetSnapshot;
  readonly #runs: number;
  /** No plan gets the hottest host below that score: all that it may give is given. */
  readonly #leastTop: number;

  constructor(fleet: FlatFleet, lists: MovableLists, bound: MoveBound) {
    this.#fleet = fleet;
    this.#lists = lists;
    this.#bound = bound;
    this.#before = fleet.snapshot();
    this.#leastTop = leastTop(fleet, lists);
    this.#runs = Math.max(
      leastRuns,
      Math.min(guesses.length, Math.floor(runBudget / Math.max(1, fleet.hosts.length))),
    );
  }

  /**
   * The fewest moves found, at most `maxMoves`, after which the spread is at most `width`; null
   * when no window could be met.
   */
  fewestMoves(width: number, maxMoves: number): FoundMoves | null {
    const { moves: atLeast, low } = this.#bound.forWidth(width);
    if (atLeast > maxMoves) return null;
    let best: FoundMoves | null = null;
    for (const { offset, quantile } of guesses.slice(0, this.#runs)) {
      const limit: number = best === null ? maxMoves : best.moves.length - 1;
      best = this.#attempt(low + offset, width, quantile, limit) ?? best;
      if (best !== null && best.moves.length <= atLeast) return best;
    }
    return (
      this.#exactly(
        width,
        atLeast,
        best === null ? Math.min(maxMoves, atLeast + 1) : best.moves.length - 1,
      ) ?? best
    );
  }

  #exactly(width: number, atLeast: number, atMost: number): FoundMoves | null {
    const moves = searchExactly(this.#fleet, this.#lists, width, atLeast, atMost);
    if (moves === null) return null;
    for (const { account, to } of moves) this.#fleet.move(account, to);
    const spread = this.#fleet.spread();
    this.#fleet.restore(this.#before);
    return { moves, spread };
  }

  /**
   * The smallest spread found with at most `maxMoves` moves, between `least` and `most` points;
   * null when nothing is below `most`.
   */
  smallestSpread(maxMoves: number, least: number, most: number): FoundMoves | null {
    let low = least;
    let high = most;
    let best: FoundMoves | null = null;
    const steps = this.#fleet.hosts.length <= thoroughLimit ? 12 : 5;
    for (let step = 0; step < steps && high - low > 0.01; step++) {
      const width = (low + high) / 2;
      const found = this.#anyWithin(width, maxMoves);
      if (found === null) low = width;
      else {
        best = found;
        high = Math.min(width, found.spread);
      }
    }
    return best;
  }

  /**
   * As close to the target as this number of moves comes; null when they do not get below `most`.
   */
  closest(maxMoves: number, target: number, most: number): FoundMoves | null {
    const isSmall = this.#fleet.hosts.length <= tightenLimit;
    const least = isSmall ? Math.max(target, this.#bound.leastSpread(maxMoves, most)) : target;
    const closest = this.smallestSpread(maxMoves, least, most);
    return closest === null || !isSmall
      ? closest
      : (this.fewestMoves(closest.spread, closest.moves.length) ?? closest);
  }

  /** The same number of moves, or fewer, with a smaller spread where one is found. */
  tighten(found: FoundMoves): FoundMoves {
    if (this.#fleet.hosts.length > tightenLimit) return found;
    const count = found.moves.length;
    return (
      this.smallestSpread(count, this.#bound.leastSpread(count, found.spread), found.spread) ??
      found
    );
  }

  #anyWithin(width: number, maxMoves: number): FoundMoves | null {
    const { moves: atLeast, low } = this.#bound.forWidth(width);
    if (atLeast > maxMoves) return null;
    for (const { offset, quantile } of guesses.slice(
      0,
      this.#fleet.hosts.length <= thoroughLimit ? this.#runs : Math.min(this.#runs, hastyGuesses),
    )) {
      const found = this.#attempt(low + offset, width, quantile, maxMoves);
      if (found !== null) return found;
    }
    return null;
  }

  #attempt(low: number, width: number, quantile: number, maxMoves: number): FoundMoves | null {
    // A window whose upper end lies below a host that cannot give is one that nobody meets.
    const high = Math.max(low + width, this.#leastTop);
    const run = new WindowRun(this.#fleet, this.#lists, {
      low: high - width,
      high,
      quantile,
      maxMoves,
    });
    const isDone = run.run() && run.moves.length <= maxMoves;
    const found = isDone ? { moves: [...run.moves], spread: this.#fleet.spread() } : null;
    run.undo();
    // Adding and taking away again leaves rounding errors; thousands of attempts must not see
    // different fleets.
    this.#fleet.restore(this.#before);
    return found;
  }
}

function leastTop(fleet: FlatFleet, lists: MovableLists): number {
  let top = 0;
  for (const host of fleet.upHosts()) {
    let score = fleet.score[host] as number;
    const end = lists.start[host + 1] as number;
    for (let position = lists.start[host] as number; position < end; position++)
      score -= lists.weight[position] as number;
    top = Math.max(top, score);
  }
  return top;
}
