import type { Strategy } from '../../model/inventory.ts';
import { distanceKm } from '../fleet/distance.ts';
import type { FlatFleet } from '../fleet/flat-fleet.ts';
import { isolationKey } from '../fleet/fleet-view.ts';
import { indexKeys, none } from '../fleet/index-keys.ts';

/**
 * How many numbers rank a host for one account; compared in order, lower is better, ties to the
 * lower host name.
 */
export const rankLength = 3;

/**
 * Hosts whose answer takes at most this much longer than the quickest one's count as equally near,
 * ms: a latency is no place, and differs by a bit at each measurement.
 */
const alikeLatencyMs = 20;

/** An account that needs a host and the strategy that chooses among the hosts which may have it. */
export interface Candidate {
  readonly account: number;
  readonly strategy: Strategy;
}

/**
 * Ranks hosts for an account by its strategy. Hard rules are not its business
 * (`FlatFleet.accepts`). It follows the fleet: `record` has
 * to be told of each placement.
 *
 * | strategy | first | then | then |
 * | --------- | ------------------------------------------------------- | ----------------- | -----
 * |
 * | load | stays under the peak that the whole batch needs anyway | score | |
 * | even | accounts on the host | score | |
 * | location | great-circle km (where the account has no place: ms beyond the quickest hosts) |
 * score | |
 * | affinity | does not run the script yet | room for the rest of the script | score |
 * | isolation | members of its group in the zone | members on the host | score |
 */
export class HostPreference {
  readonly #fleet: FlatFleet;
  readonly #peak: number;
  readonly #isolationKeys: Int32Array;
  readonly #scripts: Int32Array;
  readonly #zones: Int32Array;
  readonly #zoneCount: number;
  readonly #membersInZone: Map<number, number>;
  readonly #waitingOfScript: Map<number, number>;
  readonly #quickestMs: number;

  constructor(fleet: FlatFleet, batch: readonly Candidate[], peak: number) {
    this.#fleet = fleet;
    this.#peak = peak;
    const isUsed = (strategy: Strategy): boolean =>
      batch.some((candidate) => candidate.strategy === strategy);
    this.#isolationKeys = isUsed('isolation')
      ? indexKeys(fleet.accounts, isolationKey)
      : new Int32Array(0);
    this.#scripts = isUsed('affinity')
      ? indexKeys(fleet.accounts, (account) => account.script)
      : new Int32Array(0);
    this.#zones = indexKeys(fleet.hosts, (host) => host.zone ?? '');
    this.#zoneCount = this.#zones.reduce((most, zone) => Math.max(most, zone + 1), 0);
    this.#quickestMs = fleet
      .upHosts()
      .reduce(
        (least, host) => Math.min(least, fleet.hosts[host]?.latencyMs ?? least),
        Number.POSITIVE_INFINITY,
      );
    this.#membersInZone = new Map();
    this.#waitingOfScript = new Map();
    for (let account = 0; account < this.#isolationKeys.length; account++) {
      const host = fleet.hostOf[account] as number;
      if (host !== none) this.#addMember(account, host);
    }
    if (this.#scripts.length > 0) for (const { account } of batch) this.#addWaiting(account, 1);
  }

  /** To be called after `account` was moved to `host`, from nowhere or from `previous`. */
  record(account: number, host: number, previous: number = none): void {
    if (previous !== none) this.#addMember(account, previous, -1);
    this.#addMember(account, host);
    this.#addWaiting(account, -1);
  }

  #addMember(account: number, host: number, by = 1): void {
    const key = this.#isolationKeys[account] ?? none;
    if (key === none) return;
    const cell = key * this.#zoneCount + (this.#zones[host] ?? 0);
    this.#membersInZone.set(cell, (this.#membersInZone.get(cell) ?? 0) + by);
  }

  #addWaiting(account: number, by: number): void {
    const script = this.#scripts[account] ?? none;
    if (script !== none)
      this.#waitingOfScript.set(script, (this.#waitingOfScript.get(script) ?? 0) + by);
  }

  /** Accounts of the same group (owner, script) in the zone of `host`. */
  membersInZoneOf(account: number, host: number): number {
    const key = this.#isolationKeys[account] ?? none;
    return key === none
      ? 0
      : (this.#membersInZone.get(key * this.#zoneCount + (this.#zones[host] ?? 0)) ?? 0);
  }

  /** Accounts of the same group (owner, script) on `host`, itself not counted. */
  membersOn(account: number, host: number): number {
    return this.#countSame(this.#isolationKeys, account, host);
  }

  /** Accounts of the same script on `host`, itself not counted. */
  sameScriptOn(account: number, host: number): number {
    return this.#countSame(this.#scripts, account, host);
  }

  #countSame(keys: Int32Array, account: number, host: number): number {
    const key = keys[account] ?? none;
    if (key === none) return 0;
    let count = 0;
    for (
      let other = this.#fleet.firstOn[host] ?? none;
      other !== none;
      other = this.#fleet.nextOn[other] ?? none
    ) {
      if (other !== account && keys[other] === key) count++;
    }
    return count;
  }

  /**
   * Km from the account to the host; the host's latency in ms where the account has no location;
   * Infinity where unknown.
   */
  remoteness(account: number, host: number): number {
    const from = this.#fleet.accounts[account]?.location ?? null;
    const hostView = this.#fleet.hosts[host];
    if (from === null) return hostView?.latencyMs ?? Number.POSITIVE_INFINITY;
    const to = hostView?.location ?? null;
    return to === null ? Number.POSITIVE_INFINITY : distanceKm(from, to);
  }

  /**
   * The remoteness that counts: without a location, 0 for every host that answers about as fast as
   * the quickest one, so that load decides among them.
   */
  detour(account: number, host: number): number {
    const remoteness = this.remoteness(account, host);
    if (this.#fleet.accounts[account]?.location) return remoteness;
    // Nobody was measured: all are alike.
    if (!Number.isFinite(this.#quickestMs)) return 0;
    return Math.max(0, remoteness - this.#quickestMs - alikeLatencyMs);
  }

  /**
   * Writes the rank of `host` for the candidate into the first {@link rankLength} places of `rank`.
   */
  rank({ account, strategy }: Candidate, host: number, rank: Float64Array): void {
    const score = this.#fleet.score[host] ?? 0;
    rank[2] = score;
    switch (strategy) {
      case 'load':
        this.#rankByLoad(account, host, rank);
        return;
      case 'even':
        rank[0] = (this.#fleet.hosts[host]?.maxAccounts ?? 0) - (this.#fleet.freeSlots[host] ?? 0);
        rank[1] = score;
        return;
      case 'location':
        rank[0] = this.detour(account, host);
        rank[1] = score;
        return;
      case 'affinity':
        rank[0] = this.sameScriptOn(account, host) > 0 ? 0 : 1;
        rank[1] = rank[0] === 0 ? 0 : -this.#roomForScript(account, host);
        return;
      case 'isolation':
        rank[0] = this.membersInZoneOf(account, host);
        rank[1] = this.membersOn(account, host);
    }
  }

  /**
   * The lowest host now, unless it would rise over the peak; where all would, the one that ends
   * lowest.
   */
  #rankByLoad(account: number, host: number, rank: Float64Array): void {
    const now = this.#fleet.score[host] ?? 0;
    const after = now + this.#fleet.weight(account, host);
    rank[0] = after > this.#peak ? 1 : 0;
    rank[1] = after > this.#peak ? after : now;
  }

  #roomForScript(account: number, host: number): number {
    const waiting = this.#waitingOfScript.get(this.#scripts[account] ?? none) ?? 0;
    return Math.min(waiting, this.#fleet.freeSlots[host] ?? 0);
  }
}
