import { none } from './index-keys.ts';

const bucketsPerPoint = 4;
/**
 * Scores above are kept in the last bucket: an overcommitted fleet is still ordered, only less
 * finely.
 */
const highestScore = 400;
const bucketCount = highestScore * bucketsPerPoint;

/**
 * Hosts in buckets of a quarter point by score, so that the coolest and the warmest dozen are at
 * hand after every move without
 * sorting: add, remove and update are O(1). Within a bucket the order is unspecified but the same
 * for the same history.
 */
export class ScoreBuckets {
  readonly #first = new Int32Array(bucketCount).fill(none);
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #bucketOf: Int32Array;
  #lowest = bucketCount;
  #highest = -1;

  constructor(hostCount: number) {
    this.#next = new Int32Array(hostCount).fill(none);
    this.#previous = new Int32Array(hostCount).fill(none);
    this.#bucketOf = new Int32Array(hostCount).fill(none);
  }

  /** Puts a host into the bucket of its score, out of the one where it was. */
  put(host: number, score: number): void {
    const bucket = Math.max(0, Math.min(bucketCount - 1, Math.floor(score * bucketsPerPoint)));
    if (this.#bucketOf[host] === bucket) return;
    this.remove(host);
    const first = this.#first[bucket] as number;
    if (first !== none) this.#previous[first] = host;
    this.#next[host] = first;
    this.#previous[host] = none;
    this.#first[bucket] = host;
    this.#bucketOf[host] = bucket;
    if (bucket < this.#lowest) this.#lowest = bucket;
    if (bucket > this.#highest) this.#highest = bucket;
  }

  remove(host: number): void {
    const bucket = this.#bucketOf[host] as number;
    if (bucket === none) return;
    const next = this.#next[host] as number;
    const previous = this.#previous[host] as number;
    if (next !== none) this.#previous[next] = previous;
    if (previous === none) this.#first[bucket] = next;
    else this.#next[previous] = next;
    this.#bucketOf[host] = none;
  }

  /**
   * Fills `found` with the hosts of the lowest (or highest) scores, at most its length and
   * `perBucket` of each quarter point; returns how
   * many. Ordered by bucket only.
   */
  collect(
    found: Int32Array,
    fromHighest: boolean,
    perBucket: number = Number.POSITIVE_INFINITY,
  ): number {
    let count = 0;
    this.#tighten();
    const step = fromHighest ? -1 : 1;
    for (
      let bucket = fromHighest ? this.#highest : this.#lowest;
      bucket >= this.#lowest && bucket <= this.#highest;
      bucket += step
    ) {
      let left = perBucket;
      for (
        let host = this.#first[bucket] as number;
        host !== none && left > 0;
        host = this.#next[host] as number
      ) {
        if (count === found.length) return count;
        found[count++] = host;
        left--;
      }
    }
    return count;
  }

  /**
   * The host with the highest (or lowest) of all scores, ties to the lower index; `none` when
   * empty.
   */
  extreme(score: Float64Array, fromHighest: boolean): number {
    this.#tighten();
    if (this.#lowest > this.#highest) return none;
    const sign = fromHighest ? -1 : 1;
    let best = this.#first[fromHighest ? this.#highest : this.#lowest] as number;
    for (let host = this.#next[best] as number; host !== none; host = this.#next[host] as number) {
      const difference = sign * ((score[host] as number) - (score[best] as number));
      if (difference < 0 || (difference === 0 && host < best)) best = host;
    }
    return best;
  }

  #tighten(): void {
    while (this.#lowest < bucketCount && this.#first[this.#lowest] === none) this.#lowest++;
    while (this.#highest >= 0 && this.#first[this.#highest] === none) this.#highest--;
  }
}
