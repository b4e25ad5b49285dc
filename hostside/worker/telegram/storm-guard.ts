/**
 * So many in a row are ordinary: a connection begins with a salt that is wrong, and a clock may
 * have to be set.
 */
const free = 3;
const firstPauseMs = 250;
const longestPauseMs = 2_000;
/** More in a row than this lead nowhere. */
const most = 12;
/** After so long without one, ms, the row has ended. */
const restMs = 60_000;

/**
 * How fast something may be answered that the other side could repeat for ever: a few at once, then
 * slower and slower, then not at all.
 */
export class StormGuard {
  #inARow = 0;
  #lastAtMs = Number.NEGATIVE_INFINITY;

  /**
   * To be asked at each, at most one pause at a time. ms to wait before the answer; null: give up.
   * `nowMs`: of a clock that nobody sets.
   */
  pauseMs(nowMs: number): number | null {
    if (nowMs - this.#lastAtMs > restMs) this.#inARow = 0;
    this.#lastAtMs = nowMs;
    this.#inARow += 1;
    if (this.#inARow > most) return null;
    return this.#inARow <= free
      ? 0
      : Math.min(firstPauseMs * 2 ** (this.#inARow - free - 1), longestPauseMs);
  }
}
