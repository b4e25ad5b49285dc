import type { FlatFleet } from '../fleet/flat-fleet.ts';
import { none } from '../fleet/index-keys.ts';
import { scoreTolerance } from '../fleet/move-bound.ts';
import { ScoreBuckets } from '../fleet/score-buckets.ts';

/**
 * Hosts from the other end of the scores that are looked at in each step; more only while none of
 * them helps.
 */
const reach = 8;
/**
 * Pairs of accounts that may be compared in all: big fleets get less even placements, not slower
 * ones.
 */
const budget = 500_000;

/** A step has to take both hosts at least this many points away from the extremes. */
const leastStep = 0.01;

/** What a step does: `account` goes to `to`, and `exchanged`, unless `none`, comes back for it. */
interface Step {
  readonly account: number;
  readonly to: number;
  readonly exchanged: number;
  /** Sum of the squared scores of both hosts afterwards less before: the lower, the more even. */
  readonly gain: number;
}

/**
 * Evens out where a batch of accounts was put, before any of them is carried out: as long as it
 * lowers the highest or lifts the lowest
 * host, one account of the batch changes places, alone or against another one of the batch.
 * Accounts outside of the batch stay. Hard
 * rules hold throughout; because the batch comes from outside, its accounts can be carried out in
 * any order.
 */
export function balanceBatch(fleet: FlatFleet, batch: readonly number[], maxSteps: number): void {
  const balance = new BatchBalance(fleet, batch);
  for (let step = 0; step < maxSteps; step++) {
    if (!balance.improve(true) && !balance.improve(false)) return;
    if (balance.considered > budget) return;
  }
}

class BatchBalance {
  readonly #fleet: FlatFleet;
  readonly #inBatch: Uint8Array;
  readonly #buckets: ScoreBuckets;
  readonly #partners: Int32Array;
  /** Scores of the extremes before the step: no host may reach them afterwards. */
  #lowest = 0;
  #highest = 0;
  #gain = 0;
  #best: Step | null = null;
  /** Pairs of accounts compared so far. */
  considered = 0;

  constructor(fleet: FlatFleet, batch: readonly number[]) {
    this.#fleet = fleet;
    this.#partners = new Int32Array(fleet.hosts.length);
    this.#inBatch = new Uint8Array(fleet.accounts.length);
    for (const account of batch) this.#inBatch[account] = 1;
    this.#buckets = new ScoreBuckets(fleet.hosts.length);
    for (const host of fleet.upHosts()) this.#buckets.put(host, fleet.score[host] as number);
  }

  /** Takes the best step that helps the highest (or lowest) host; false when there is none. */
  improve(highest: boolean): boolean {
    const fleet = this.#fleet;
    const host = this.#buckets.extreme(fleet.score, highest);
    if (host === none) return false;
    this.#best = null;
    this.#lowest = fleet.score[this.#buckets.extreme(fleet.score, false)] as number;
    this.#highest = fleet.score[this.#buckets.extreme(fleet.score, true)] as number;
    this.#considerPartners(host, highest);
    if (this.#best === null) return false;
    this.#carryOut(this.#best);
    return true;
  }

  #considerPartners(host: number, highest: boolean): void {
    const count = this.#buckets.collect(this.#partners, !highest);
    for (let index = 0; index < count; index++) {
      const other = this.#partners[index] as number;
      if (this.#best !== null && index >= reach) return;
      if (other === host) continue;
      if (highest) this.#considerPair(host, other);
      else this.#considerPair(other, host);
    }
  }

  /** Every way to make `high` lower and `low` higher by one account, or one against another. */
  #considerPair(high: number, low: number): void {
    const fleet = this.#fleet;
    const inBatch = this.#inBatch;
    const [highBefore, lowBefore] = [fleet.score[high] as number, fleet.score[low] as number];
    if (highBefore <= lowBefore) return;
    for (
      let account = fleet.firstOn[high] as number;
      account !== none;
      account = fleet.nextOn[account] as number
    ) {
      if (inBatch[account] === 0) continue;
      const highWithout = highBefore - fleet.weight(account, high);
      const lowWith = lowBefore + fleet.weight(account, low);
      this.considered++;
      if (this.#isBetter(highBefore, lowBefore, highWithout, lowWith))
        this.#keep(high, low, account, none);
      for (
        let other = fleet.firstOn[low] as number;
        other !== none;
        other = fleet.nextOn[other] as number
      ) {
        if (inBatch[other] === 0) continue;
        this.considered++;
        const highAfter = highWithout + fleet.weight(other, high);
        const lowAfter = lowWith - fleet.weight(other, low);
        if (this.#isBetter(highBefore, lowBefore, highAfter, lowAfter))
          this.#keep(high, low, account, other);
      }
    }
  }

  /**
   * Whether both hosts end inside the extremes, and more even than by the best step so far. Leaves
   * the gain in `gain`.
   */
  #isBetter(highBefore: number, lowBefore: number, highAfter: number, lowAfter: number): boolean {
    const most = this.#highest - leastStep;
    const least = this.#lowest + leastStep;
    if (highAfter > most || lowAfter > most || highAfter < least || lowAfter < least) return false;
    this.#gain =
      highAfter * highAfter + lowAfter * lowAfter - highBefore * highBefore - lowBefore * lowBefore;
    return this.#best === null || this.#gain < this.#best.gain - scoreTolerance;
  }

  #keep(high: number, low: number, account: number, exchanged: number): void {
    if (this.#isAllowed(high, low, account, exchanged))
      this.#best = { account, to: low, exchanged, gain: this.#gain };
  }

  #isAllowed(high: number, low: number, account: number, exchanged: number): boolean {
    const fleet = this.#fleet;
    if (exchanged === none) return fleet.accepts(account, low);
    return (
      fleet.acceptsInsteadOf(account, low, exchanged) &&
      fleet.acceptsInsteadOf(exchanged, high, account)
    );
  }

  #carryOut({ account, to, exchanged }: Step): void {
    const fleet = this.#fleet;
    const from = fleet.hostOf[account] as number;
    if (exchanged !== none) fleet.move(exchanged, none);
    fleet.move(account, to);
    if (exchanged !== none) fleet.move(exchanged, from);
    this.#buckets.put(from, fleet.score[from] as number);
    this.#buckets.put(to, fleet.score[to] as number);
  }
}
