import type { Location, PlacementPolicy, Strategy } from '../../model/inventory.ts';
import type { AccountName, HostName } from '../../model/names.ts';

/**
 * `up` may receive accounts. `cordoned` and `unhealthy` keep theirs and receive none;
 * `not-ready` has none to keep. Accounts on
 * `draining` and `dead` hosts have to leave: a drain and a failover are placements of those
 * accounts.
 */
export const hostStates = ['up', 'cordoned', 'unhealthy', 'not-ready', 'draining', 'dead'] as const;

export type HostState = (typeof hostStates)[number];

/**
 * Memory of a host that was never measured: positive, so that ratios exist, and too little for any
 * account.
 */
export const unmeasuredBytes = 1;

/**
 * What the planner knows about one host. Figures are smoothed by the caller, never one instant's.
 */
export interface HostView {
  readonly name: HostName;
  readonly state: HostState;
  /** Why it is in that state, for people ("no SSH since 12:04"); null: nothing to add. */
  readonly stateReason: string | null;
  /** Cores the host has, > 0. */
  readonly cpuCores: number;
  /** Bytes the host has, > 0; {@link unmeasuredBytes} where no sample has told. */
  readonly memoryBytes: number;
  /** Cores used by everything that is not an account. */
  readonly baseCpuCores: number;
  /** Bytes used by everything that is not an account. */
  readonly baseMemoryBytes: number;
  /** 0-1. */
  readonly diskUsedRatio: number;
  readonly maxAccounts: number;
  readonly zone: string | null;
  readonly groups: readonly string[];
  readonly location: Location | null;
  /**
   * Measured connect time, ms; null: not measured. Ranks hosts for accounts that ask for `location`
   * but have none.
   */
  readonly latencyMs: number | null;
}

/** What the planner knows about one account. */
export interface AccountView {
  readonly name: AccountName;
  /**
   * Where it is now; null: nowhere yet. A name that is no host of the view is a host that the
   * planner cannot use or judge.
   */
  readonly host: HostName | null;
  /** Demand in cores: measured where known, else what the inventory reserves. */
  readonly cpuCores: number;
  /** Demand in bytes: measured where known, else what the inventory reserves. */
  readonly memoryBytes: number;
  readonly group: string | null;
  /**
   * Shared by the accounts that answer in the same groups, directly or over others; null: it shares
   * none. Absent in decisions made before there were groups.
   */
  readonly sharedChats?: string | null;
  readonly script: string | null;
  readonly owner: string | null;
  /** The only host where it may be. */
  readonly pinnedTo: HostName | null;
  /** Zones, countries or host groups where it may run; empty: anywhere. */
  readonly allowedZones: readonly string[];
  readonly location: Location | null;
  /** `anti-affinity=KEY` keeps accounts of one key on different hosts, a hard rule. */
  readonly labels: Readonly<Record<string, string>>;
  /** When it last moved, ms since 1970; null: never. */
  readonly movedAtMs: number | null;
  readonly strategy: Strategy | null;
}

/**
 * Everything a decision is made from. The order of hosts and accounts never matters: ties go to the
 * lower name.
 */
export interface FleetView {
  readonly nowMs: number;
  readonly hosts: readonly HostView[];
  readonly accounts: readonly AccountView[];
}

/** Label whose value is shared by accounts that must never be on one host. */
export const antiAffinityLabel = 'anti-affinity';

/**
 * What the isolation strategy spreads: the account's group, else those who share its chats, else
 * its owner, else its script; null: nothing to spread.
 */
export function isolationKey(account: AccountView): string | null {
  if (account.group !== null) return `group ${account.group}`;
  if (account.sharedChats) return `chats ${account.sharedChats}`;
  if (account.owner !== null) return `owner ${account.owner}`;
  return account.script === null ? null : `script ${account.script}`;
}

/**
 * The strategy of one account: an override, else its own, else the first matching label of the
 * policy, else the policy's.
 */
export function strategyOf(
  account: AccountView,
  policy: PlacementPolicy,
  override?: Strategy,
): Strategy {
  if (override !== undefined) return override;
  if (account.strategy !== null) return account.strategy;
  const matching = policy.strategyByLabel.find(({ label }) => carriesLabel(account.labels, label));
  return matching?.strategy ?? policy.strategy;
}

/** Whether `labels` has `key=value`, or has the key at all where only `key` is asked for. */
function carriesLabel(labels: Readonly<Record<string, string>>, label: string): boolean {
  const at = label.indexOf('=');
  if (at < 0) return Object.hasOwn(labels, label);
  const key = label.slice(0, at);
  return Object.hasOwn(labels, key) && labels[key] === label.slice(at + 1);
}

/** The names by which a host answers to `allowedZones`: its zone, its country, its groups. */
export function zoneNames(host: HostView): string[] {
  const names = [...host.groups];
  if (host.zone !== null) names.push(host.zone);
  if (host.location?.country) names.push(host.location.country);
  return names;
}
