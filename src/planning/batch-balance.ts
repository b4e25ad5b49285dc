import { type FlatFleet, none } from './flat-fleet.ts';
import { scoreTolerance } from './move-bound.ts';
import { ScoreBuckets } from './score-buckets.ts';

/** Hosts at the other end of the scores that are looked at in each step. */
const reach = 64;

/** What a step does: `account` goes to `to`, and `exchanged`, unless `none`, comes back for it. */
interface Step {
  readonly account: number;
  readonly to: number;
  readonly exchanged: number;
  /** Sum of the squared scores of both hosts afterwards less before: the lower, the more even. */
  readonly gain: number;
}

/**
 * Evens out where a batch of accounts was put, before any of them is carried out: as long as it lowers the highest or lifts the lowest
 * host, one account of the batch changes places, alone or against another one of the batch. Accounts outside of the batch stay. Hard
 * rules hold throughout; because the batch comes from outside, its accounts can be carried out in any order.
 */
export function balanceBatch(fleet: FlatFleet, batch: readonly number[], maxSteps: number): void {
  const balance = new BatchBalance(fleet, batch);
  for (let step = 0; step < maxSteps; step++) {
    if (!balance.improve(true) && !balance.improve(false)) return;
  }
}

class BatchBalance {
  private readonly fleet: FlatFleet;
  private readonly inBatch: Uint8Array;
  private readonly buckets: ScoreBuckets;
  private readonly near = new Int32Array(reach);
  private best: Step | null = null;

  constructor(fleet: FlatFleet, batch: readonly number[]) {
    this.fleet = fleet;
    this.inBatch = new Uint8Array(fleet.accounts.length);
    for (const account of batch) this.inBatch[account] = 1;
    this.buckets = new ScoreBuckets(fleet.hosts.length);
    for (const host of fleet.upHosts()) this.buckets.put(host, fleet.score[host] as number);
  }

  /** Takes the best step that helps the highest (or lowest) host; false when there is none. */
  improve(highest: boolean): boolean {
    const { fleet } = this;
    const host = this.buckets.extreme(fleet.score, highest);
    if (host === none) return false;
    this.best = null;
    const count = this.buckets.collect(this.near, !highest);
    for (let index = 0; index < count; index++) {
      const other = this.near[index] as number;
      if (other === host) continue;
      if (highest) this.considerPair(host, other);
      else this.considerPair(other, host);
    }
    if (this.best === null) return false;
    this.carryOut(this.best);
    return true;
  }

  /** Every way to make `high` lower and `low` higher by one account, or one against another. */
  private considerPair(high: number, low: number): void {
    const { fleet, inBatch } = this;
    if ((fleet.score[high] as number) <= (fleet.score[low] as number)) return;
    for (let account = fleet.firstOn[high] as number; account !== none; account = fleet.nextOn[account] as number) {
      if (inBatch[account] === 0) continue;
      this.consider(high, low, account, none);
      for (let other = fleet.firstOn[low] as number; other !== none; other = fleet.nextOn[other] as number) {
        if (inBatch[other] === 1) this.consider(high, low, account, other);
      }
    }
  }

  private consider(high: number, low: number, account: number, exchanged: number): void {
    const { fleet } = this;
    const [highBefore, lowBefore] = [fleet.score[high] as number, fleet.score[low] as number];
    let highAfter = highBefore - fleet.weight(account, high);
    let lowAfter = lowBefore + fleet.weight(account, low);
    if (exchanged !== none) {
      highAfter += fleet.weight(exchanged, high);
      lowAfter -= fleet.weight(exchanged, low);
    }
    if (Math.max(highAfter, lowAfter) > highBefore - scoreTolerance || Math.min(highAfter, lowAfter) < lowBefore + scoreTolerance) return;
    const gain = highAfter ** 2 + lowAfter ** 2 - highBefore ** 2 - lowBefore ** 2;
    if (this.best !== null && gain >= this.best.gain - scoreTolerance) return;
    if (this.isAllowed(high, low, account, exchanged)) this.best = { account, to: low, exchanged, gain };
  }

  private isAllowed(high: number, low: number, account: number, exchanged: number): boolean {
    const { fleet } = this;
    if (exchanged === none) return fleet.accepts(account, low);
    fleet.move(account, none);
    fleet.move(exchanged, none);
    const isAllowed = fleet.accepts(account, low) && fleet.accepts(exchanged, high);
    fleet.move(account, high);
    fleet.move(exchanged, low);
    return isAllowed;
  }

  private carryOut({ account, to, exchanged }: Step): void {
    const { fleet } = this;
    const from = fleet.hostOf[account] as number;
    if (exchanged !== none) fleet.move(exchanged, none);
    fleet.move(account, to);
    if (exchanged !== none) fleet.move(exchanged, from);
    this.buckets.put(from, fleet.score[from] as number);
    this.buckets.put(to, fleet.score[to] as number);
  }
}
