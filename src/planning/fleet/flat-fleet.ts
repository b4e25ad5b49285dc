import type { PlacementPolicy } from '../../model/inventory.ts';
import type { AccountName, HostName } from '../../model/names.ts';
import {
  type AccountView,
  antiAffinityLabel,
  type FleetView,
  type HostView,
} from './fleet-view.ts';
import { compileSites, fill, indexFigures, indexKeys, none } from './index-keys.ts';
import { type LoadScore, loadScore, pointsPerUnit } from './score.ts';

/** Why a host cannot take an account. */
export type RefusalCode =
  | 'cordoned'
  | 'unhealthy'
  | 'not-ready'
  | 'draining'
  | 'dead'
  | 'pinned'
  | 'zone'
  | 'full'
  | 'memory'
  | 'anti-affinity';

/** Where every account was, and the sums that hang on it. */
export interface FleetSnapshot {
  readonly hostOf: Int32Array;
  readonly score: Float64Array;
  readonly freeMemory: Float64Array;
}

/** Pinned to a host that is not in the view. */
const nowhere = -2;
/** Half a byte, so that sums of fractions never refuse what fits exactly. */
const memorySlackBytes = 0.5;

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

/**
 * The fleet as arrays, compiled once from a view: every tentative move is O(1) and nothing is
 * recomputed from scratch. Hosts and
 * accounts are indexed in the order of their names, so "lower index" is the tie-break by name.
 *
 * Placement and rebalance both decide on this one model: what may go where (`accepts`) and what it
 * costs (`weight`).
 */
export class FlatFleet {
  readonly hosts: readonly HostView[];
  readonly accounts: readonly AccountView[];
  readonly policy: PlacementPolicy;
  readonly hostIndex: ReadonlyMap<HostName, number>;

  /** 1: may receive. Only such hosts count in the spread. */
  readonly up: Uint8Array;
  /** Load score in points, see score.ts. */
  readonly score: Float64Array;
  readonly freeSlots: Int32Array;
  /** Bytes left below the policy's memory limit; negative when over it. */
  readonly freeMemory: Float64Array;
  readonly cpuPoints: Float64Array;
  readonly memoryPoints: Float64Array;
  readonly slotPoints: Float64Array;
  /** Hosts with the same zone, country and groups are of one site. */
  readonly siteOf: Int32Array;

  readonly cpu: Float64Array;
  readonly memory: Float64Array;
  /** Host of each account now, or `none`. */
  readonly hostOf: Int32Array;
  /** Index of the anti-affinity key, or `none`. */
  readonly anti: Int32Array;
  /** Index into `allowedSites`, or `none` for anywhere. */
  readonly zoneRule: Int32Array;
  /** Per zone rule, 1 for each site where its accounts may run. */
  readonly allowedSites: readonly Uint8Array[];
  /** 1: must find another host or has none: on a dead or draining host, or nowhere. */
  readonly forced: Uint8Array;
  /**
   * 1: a rebalance may choose to move it: on a host that is up or cordoned, not pinned, not cooling
   * down.
   */
  readonly movable: Uint8Array;
  readonly pin: Int32Array;

  /**
   * First account of each host, and the next and previous account on the same host: lists that
   * change in O(1).
   */
  readonly firstOn: Int32Array;
  readonly nextOn: Int32Array;
  readonly #previousOn: Int32Array;
  #accountIndex: ReadonlyMap<AccountName, number> | null = null;

  constructor(view: FleetView, policy: PlacementPolicy) {
    this.policy = policy;
    this.hosts = [...view.hosts].sort(byName);
    this.accounts = [...view.accounts].sort(byName);
    this.hostIndex = new Map(this.hosts.map((host, index) => [host.name, index]));

    const hostCount = this.hosts.length;
    this.up = fill(new Uint8Array(hostCount), this.hosts, (host) => (host.state === 'up' ? 1 : 0));
    this.cpuPoints = fill(new Float64Array(hostCount), this.hosts, (host) =>
      pointsPerUnit(policy.weights.cpu, host.cpuCores),
    );
    this.memoryPoints = fill(new Float64Array(hostCount), this.hosts, (host) =>
      pointsPerUnit(policy.weights.memory, host.memoryBytes),
    );
    this.slotPoints = fill(new Float64Array(hostCount), this.hosts, (host) =>
      pointsPerUnit(policy.weights.slots, host.maxAccounts),
    );
    this.score = fill(
      new Float64Array(hostCount),
      this.hosts,
      (host) => loadScore(bareUse(host), policy.weights).total,
    );
    this.freeSlots = fill(new Int32Array(hostCount), this.hosts, (host) => host.maxAccounts);
    this.freeMemory = fill(
      new Float64Array(hostCount),
      this.hosts,
      (host) => host.memoryBytes * policy.memoryLimitRatio - host.baseMemoryBytes,
    );

    const sites = compileSites(this.hosts, this.accounts);
    this.siteOf = sites.siteOf;
    this.zoneRule = sites.zoneRule;
    this.allowedSites = sites.allowedSites;

    const accountCount = this.accounts.length;
    this.cpu = new Float64Array(accountCount);
    this.memory = new Float64Array(accountCount);
    this.anti = indexKeys(this.accounts, (account) => account.labels[antiAffinityLabel] ?? null);
    this.pin = new Int32Array(accountCount).fill(none);
    this.hostOf = new Int32Array(accountCount).fill(none);
    this.forced = new Uint8Array(accountCount);
    this.movable = new Uint8Array(accountCount);
    this.firstOn = new Int32Array(hostCount).fill(none);
    this.nextOn = new Int32Array(accountCount).fill(none);
    this.#previousOn = new Int32Array(accountCount).fill(none);
    for (let index = 0; index < accountCount; index++)
      this.#settle(this.accounts[index] as AccountView, index, view.nowMs);
  }

  #settle(account: AccountView, index: number, nowMs: number): void {
    this.cpu[index] = account.cpuCores;
    this.memory[index] = account.memoryBytes;
    if (account.pinnedTo !== null)
      this.pin[index] = this.hostIndex.get(account.pinnedTo) ?? nowhere;
    const host = account.host === null ? none : (this.hostIndex.get(account.host) ?? none);
    const state = this.hosts[host]?.state;
    this.forced[index] = host === none || state === 'dead' || state === 'draining' ? 1 : 0;
    const isCooling =
      account.movedAtMs !== null && nowMs - account.movedAtMs < this.policy.cooldownMs;
    this.movable[index] =
      (state === 'up' || state === 'cordoned') && account.pinnedTo === null && !isCooling ? 1 : 0;
    if (host !== none) this.#attach(index, host);
  }

  /** Made when it is first asked for: a rebalance never looks an account up by name. */
  get accountIndex(): ReadonlyMap<AccountName, number> {
    this.#accountIndex ??= new Map(this.accounts.map((account, index) => [account.name, index]));
    return this.#accountIndex;
  }

  /**
   * Points that the account adds to the score of that host: 100 × weights × demand / capacity.
   * Linear, so exact bounds exist.
   */
  weight(account: number, host: number): number {
    const cpu = (this.cpu[account] as number) * (this.cpuPoints[host] as number);
    return (
      cpu +
      (this.memory[account] as number) * (this.memoryPoints[host] as number) +
      (this.slotPoints[host] as number)
    );
  }

  /**
   * Whether every hard rule lets the account go to that host now. Where it is already, the answer
   * is about a second arrival.
   */
  accepts(account: number, host: number): boolean {
    if (this.up[host] !== 1 || (this.freeSlots[host] as number) <= 0) return false;
    if ((this.memory[account] as number) > (this.freeMemory[host] as number) + memorySlackBytes)
      return false;
    return this.allows(account, host) && this.antiAffine(account, host) === none;
  }

  /** Whether the host would accept the account once `leaving`, which is on it, has left. */
  acceptsInsteadOf(account: number, host: number, leaving: number): boolean {
    const freeMemory = (this.freeMemory[host] as number) + (this.memory[leaving] as number);
    if (
      (this.freeSlots[host] as number) < 0 ||
      (this.memory[account] as number) > freeMemory + memorySlackBytes
    )
      return false;
    return this.allows(account, host) && this.antiAffine(account, host, leaving) === none;
  }

  /**
   * Whether the rules that no other account can change (state, pin, zone) let the account be on
   * that host.
   */
  allows(account: number, host: number): boolean {
    if (this.up[host] !== 1) return false;
    const pin = this.pin[account] as number;
    return (pin === none || pin === host) && this.#inAllowedZone(account, host);
  }

  #inAllowedZone(account: number, host: number): boolean {
    const rule = this.zoneRule[account] as number;
    return rule === none || this.allowedSites[rule]?.[this.siteOf[host] ?? 0] === 1;
  }

  /**
   * An account on that host, other than `except`, which shares the anti-affinity key, or `none`.
   */
  antiAffine(account: number, host: number, except: number = none): number {
    const key = this.anti[account] as number;
    if (key === none) return none;
    let other = this.firstOn[host] as number;
    while (other !== none && (this.anti[other] !== key || other === account || other === except))
      other = this.nextOn[other] as number;
    return other;
  }

  /**
   * The first hard rule that keeps the account away from that host, or null when it may go there
   * now.
   */
  refusal(account: number, host: number): RefusalCode | null {
    const state = this.hosts[host]?.state ?? 'dead';
    if (state !== 'up') return state;
    const pin = this.pin[account] as number;
    if (pin !== none && pin !== host) return 'pinned';
    if (!this.#inAllowedZone(account, host)) return 'zone';
    if ((this.freeSlots[host] as number) <= 0) return 'full';
    if ((this.memory[account] as number) > (this.freeMemory[host] as number) + memorySlackBytes)
      return 'memory';
    return this.antiAffine(account, host) === none ? null : 'anti-affinity';
  }

  /** Moves the account, checking nothing. `host` may be `none`: it is then nowhere. */
  move(account: number, host: number): void {
    if (this.hostOf[account] !== none) this.#detach(account);
    if (host !== none) this.#attach(account, host);
  }

  #attach(account: number, host: number): void {
    this.score[host] = (this.score[host] as number) + this.weight(account, host);
    this.freeSlots[host] = (this.freeSlots[host] as number) - 1;
    this.freeMemory[host] = (this.freeMemory[host] as number) - (this.memory[account] as number);
    const first = this.firstOn[host] as number;
    if (first !== none) this.#previousOn[first] = account;
    this.nextOn[account] = first;
    this.#previousOn[account] = none;
    this.firstOn[host] = account;
    this.hostOf[account] = host;
  }

  #detach(account: number): void {
    const host = this.hostOf[account] as number;
    this.score[host] = (this.score[host] as number) - this.weight(account, host);
    this.freeSlots[host] = (this.freeSlots[host] as number) + 1;
    this.freeMemory[host] = (this.freeMemory[host] as number) + (this.memory[account] as number);
    const next = this.nextOn[account] as number;
    const previous = this.#previousOn[account] as number;
    if (next !== none) this.#previousOn[next] = previous;
    if (previous === none) this.firstOn[host] = next;
    else this.nextOn[previous] = next;
    this.hostOf[account] = none;
  }

  /**
   * Puts every account back to where it was at the time of the snapshot, with the same sums to the
   * last bit.
   */
  restore({ hostOf, score, freeMemory }: FleetSnapshot): void {
    for (let account = 0; account < hostOf.length; account++) {
      const host = hostOf[account] as number;
      if (this.hostOf[account] !== host) this.move(account, host);
    }
    this.score.set(score);
    this.freeMemory.set(freeMemory);
  }

  snapshot(): FleetSnapshot {
    return {
      hostOf: this.hostOf.slice(),
      score: this.score.slice(),
      freeMemory: this.freeMemory.slice(),
    };
  }

  /** Indices of the accounts on a host, in the order of their names. */
  residents(host: number): number[] {
    const found: number[] = [];
    for (
      let account = this.firstOn[host] ?? none;
      account !== none;
      account = this.nextOn[account] ?? none
    )
      found.push(account);
    return found.sort((a, b) => a - b);
  }

  /** The load score of a host in its parts, from what is on it now. */
  scoreOf(host: number): LoadScore {
    const view = this.hosts[host];
    if (view === undefined) throw new RangeError(`no host ${host}`);
    const use = bareUse(view);
    for (
      let account = this.firstOn[host] ?? none;
      account !== none;
      account = this.nextOn[account] ?? none
    ) {
      use.cpuUsedCores += this.cpu[account] as number;
      use.memoryUsedBytes += this.memory[account] as number;
      use.accounts++;
    }
    return loadScore(use, this.policy.weights);
  }

  /** Indices of the hosts that are up, in the order of their names. */
  upHosts(): number[] {
    const found: number[] = [];
    for (let host = 0; host < this.up.length; host++) if (this.up[host] === 1) found.push(host);
    return found;
  }

  /**
   * A number for each host: to hosts of one number, which are of one size and, where `bySite`, of
   * one site, an account adds the same weight.
   */
  shapes(bySite: boolean): Int32Array {
    const size = [this.cpuPoints, this.memoryPoints, this.slotPoints];
    return indexFigures(this.hosts.length, bySite ? [...size, this.siteOf] : size);
  }

  /** Highest less lowest score over the hosts that are up, points; 0 with fewer than two. */
  spread(): number {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let host = 0; host < this.up.length; host++) {
      if (this.up[host] !== 1) continue;
      const score = this.score[host] ?? 0;
      if (score < low) low = score;
      if (score > high) high = score;
    }
    return high > low ? high - low : 0;
  }
}

function bareUse(host: HostView) {
  const { cpuCores, memoryBytes, maxAccounts, diskUsedRatio } = host;
  return {
    cpuCores,
    cpuUsedCores: host.baseCpuCores,
    memoryBytes,
    memoryUsedBytes: host.baseMemoryBytes,
    maxAccounts,
    accounts: 0,
    diskUsedRatio,
  };
}
