import type { FlatFleet } from '../fleet/flat-fleet.ts';
import type { MovableLists } from '../fleet/movable-lists.ts';
import { scoreTolerance } from '../fleet/move-bound.ts';
import type { FlatMove } from './window-run.ts';

/** Fleets up to this size are searched. */
const mostHosts = 12;
/** Tentative moves per depth: tens of milliseconds at most. */
const mostTries = 60_000;

/**
 * On small fleets, looks for fewer moves than the windows found, from `atLeast` to `atMost`, that
 * bring the spread to `width`. As long as
 * the spread is too wide, the highest host has to lose an account or the lowest to gain one, so
 * nothing else is tried (moves that only
 * free a slot elsewhere are therefore not found, and finding nothing proves nothing). Finds what no
 * window does, such as a light
 * account that leaves so that a heavy one fits. The fleet is as before after the call; null when
 * nothing was found.
 */
export function searchExactly(
  fleet: FlatFleet,
  lists: MovableLists,
  width: number,
  atLeast: number,
  atMost: number,
): readonly FlatMove[] | null {
  if (fleet.upHosts().length > mostHosts) return null;
  const before = fleet.snapshot();
  for (let depth = Math.max(1, atLeast); depth <= atMost; depth++) {
    const search = new ExactSearch(fleet, lists, width);
    const isFound = search.descend(depth);
    fleet.restore(before);
    if (isFound) return search.moves;
  }
  return null;
}

class ExactSearch {
  readonly moves: FlatMove[] = [];
  readonly #fleet: FlatFleet;
  readonly #lists: MovableLists;
  readonly #width: number;
  readonly #upHosts: readonly number[];
  readonly #moved: Uint8Array;
  #tries = 0;

  constructor(fleet: FlatFleet, lists: MovableLists, width: number) {
    this.#fleet = fleet;
    this.#lists = lists;
    this.#width = width;
    this.#upHosts = fleet.upHosts();
    this.#moved = new Uint8Array(fleet.accounts.length);
  }

  /** Whether at most `left` more moves reach the width; `moves` then has them. */
  descend(left: number): boolean {
    const fleet = this.#fleet;
    const upHosts = this.#upHosts;
    if (fleet.spread() <= this.#width + scoreTolerance) return true;
    if (!this.#isWithin(left)) return false;
    const score = (host: number): number => fleet.score[host] as number;
    const highest = upHosts.reduce((best, host) => (score(host) > score(best) ? host : best));
    const lowest = upHosts.reduce((best, host) => (score(host) < score(best) ? host : best));
    for (const target of [lowest, ...upHosts])
      if (target !== highest && this.#tryAccounts(highest, target, left)) return true;
    for (let source = 0; source < fleet.hosts.length; source++) {
      if (source !== highest && source !== lowest && this.#tryAccounts(source, lowest, left))
        return true;
    }
    return false;
  }

  #tryAccounts(source: number, target: number, left: number): boolean {
    const fleet = this.#fleet;
    const lists = this.#lists;
    const moved = this.#moved;
    for (
      let position = lists.start[source] as number;
      position < (lists.start[source + 1] as number);
      position++
    ) {
      const account = lists.account[position] as number;
      if (moved[account] === 1 || !fleet.accepts(account, target)) continue;
      if (++this.#tries > mostTries) return false;
      moved[account] = 1;
      fleet.move(account, target);
      this.moves.push({ account, from: source, to: target });
      if (this.descend(left - 1)) return true;
      this.moves.pop();
      fleet.move(account, source);
      moved[account] = 0;
    }
    return false;
  }

  /**
   * Whether some window has at most `moves` hosts above and at most `moves` below: a move helps one
   * of each at best.
   */
  #isWithin(moves: number): boolean {
    const fleet = this.#fleet;
    const upHosts = this.#upHosts;
    const width = this.#width;
    return upHosts.some((lowEnd) => {
      const low = fleet.score[lowEnd] as number;
      let above = 0;
      let below = 0;
      for (const host of upHosts) {
        const score = fleet.score[host] as number;
        if (score > low + width + scoreTolerance) above++;
        else if (score < low - scoreTolerance) below++;
      }
      return above <= moves && below <= moves;
    });
  }
}
