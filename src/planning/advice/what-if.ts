import { FleetError } from '../../model/errors.ts';
import type { PlacementPolicy } from '../../model/inventory.ts';
import type { AccountName, HostName } from '../../model/names.ts';
import type { AccountView, FleetView, HostView } from '../fleet/fleet-view.ts';
import { type HostRanking, rankHosts } from '../fleet/ranking.ts';
import { planPlacement } from '../placement/placement.ts';
import type { PlacementPlan } from '../placement/placement-plan.ts';
import { planRebalance } from '../rebalance/rebalance.ts';
import type { RebalancePlan } from '../rebalance/rebalance-plan.ts';

/** What is supposed to happen to the fleet, all of it at once. */
export interface Supposition {
  readonly lostHosts: readonly string[];
  /** So many hosts more, empty ones, each like `hostsLike` (null: the first host that is up). */
  readonly addedHosts: number;
  readonly hostsLike: string | null;
  /**
   * So many accounts more, each like `accountsLike` (null: with the median demand of those that are
   * there).
   */
  readonly addedAccounts: number;
  readonly accountsLike: string | null;
  /** Factor for the demand of every account, the new ones included; above 0. */
  readonly scale: number;
  /** Whether a rebalance follows. */
  readonly rebalances: boolean;
}

export interface WhatIf {
  readonly before: readonly HostRanking[];
  readonly after: readonly HostRanking[];
  /** Where the accounts of lost hosts and the new ones go; `spreadBefore` with them on no host. */
  readonly placement: PlacementPlan;
  /** null: none was asked for. */
  readonly rebalance: RebalancePlan | null;
  /** Hosts whose accounts, grown by `scale`, pass the policy's memory limit. */
  readonly overloaded: readonly HostName[];
}

/**
 * Works out what a change would do: places whoever loses its host or is new, then rebalances where
 * asked. Changes nothing and asks nobody.
 *
 * @throws FleetError `usage` for names that the view does not have, `placement` when there is
 * nothing to copy.
 */
export function supposeThat(view: FleetView, policy: PlacementPolicy, what: Supposition): WhatIf {
  requireNames(view, what);
  const scaled = { ...view, accounts: view.accounts.map((account) => grow(account, what.scale)) };
  const changed: FleetView = {
    ...view,
    hosts: [
      ...scaled.hosts.map((host) =>
        what.lostHosts.includes(host.name)
          ? { ...host, state: 'dead' as const, stateReason: 'supposed to be lost' }
          : host,
      ),
      ...newHosts(view, what),
    ],
    accounts: [...scaled.accounts, ...newAccounts(scaled, what)],
  };
  const lost = new Set(what.lostHosts);
  const homeless = changed.accounts.filter(
    ({ name, host }) =>
      (host !== null && lost.has(host)) || !view.accounts.some((known) => known.name === name),
  );
  const placement = planPlacement(
    changed,
    homeless.map(({ name }) => name),
    policy,
  );
  const placed = moveTo(
    changed,
    new Map(placement.placements.map(({ account, host }) => [account, host])),
  );
  const rebalance = what.rebalances ? planRebalance(placed, policy) : null;
  const after = rankHosts(
    moveTo(placed, new Map(rebalance?.moves.map(({ account, to }) => [account, to]))),
    policy,
  );
  const wasOver = new Set(overloadedIn(view, policy));
  const overloaded = overloadedIn(placed, policy).filter((host) => !wasOver.has(host));
  return { before: rankHosts(view, policy), after, placement, rebalance, overloaded };
}

function requireNames(view: FleetView, { lostHosts, hostsLike, accountsLike }: Supposition): void {
  const hosts = new Set<string>(view.hosts.map(({ name }) => name));
  const accounts = new Set<string>(view.accounts.map(({ name }) => name));
  const unknown = [...lostHosts, ...(hostsLike === null ? [] : [hostsLike])].filter(
    (name) => !hosts.has(name),
  );
  if (accountsLike !== null && !accounts.has(accountsLike)) unknown.push(accountsLike);
  if (unknown.length === 0) return;
  throw new FleetError('usage', `neither a host nor an account: ${unknown.join(', ')}`, {
    hint: 'fleet hosts list and fleet accounts list show the names',
  });
}

const grow = (account: AccountView, scale: number): AccountView => ({
  ...account,
  cpuCores: account.cpuCores * scale,
  memoryBytes: account.memoryBytes * scale,
});

const moveTo = (view: FleetView, targets: ReadonlyMap<AccountName, HostName>): FleetView => ({
  ...view,
  accounts: view.accounts.map((account) => ({
    ...account,
    host: targets.get(account.name) ?? account.host,
  })),
});

function newHosts({ hosts }: FleetView, { addedHosts, hostsLike }: Supposition): HostView[] {
  const model = hosts.find(({ name, state }) =>
    hostsLike === null ? state === 'up' : name === hostsLike,
  );
  if (addedHosts === 0) return [];
  if (model === undefined)
    throw new FleetError('placement', 'there is no host that is up to copy', {
      hint: 'name one with --hosts-like',
    });
  return Array.from({ length: addedHosts }, (_, index) => ({
    ...model,
    name: `new-host-${index + 1}` as HostName,
    state: 'up',
    stateReason: null,
  }));
}

function newAccounts(
  { accounts }: FleetView,
  { addedAccounts, accountsLike }: Supposition,
): AccountView[] {
  if (addedAccounts === 0) return [];
  const model = accounts.find(({ name }) => name === accountsLike) ?? plain(accounts);
  return Array.from({ length: addedAccounts }, (_, index) => ({
    ...model,
    name: `new-account-${index + 1}` as AccountName,
    host: null,
    pinnedTo: null,
  }));
}

/** With the median demand and no wishes. */
function plain(accounts: readonly AccountView[]): AccountView {
  if (accounts.length === 0)
    throw new FleetError('placement', 'there is no account to copy', { hint: 'import one first' });
  const median = (figure: (account: AccountView) => number): number =>
    accounts.map(figure).sort((a, b) => a - b)[accounts.length >> 1] ?? 0;
  return {
    ...{
      name: '' as AccountName,
      host: null,
      cpuCores: median(({ cpuCores }) => cpuCores),
      memoryBytes: median(({ memoryBytes }) => memoryBytes),
    },
    ...{
      group: null,
      script: null,
      owner: null,
      pinnedTo: null,
      allowedZones: [],
      location: null,
      labels: {},
      movedAtMs: null,
      strategy: null,
    },
  };
}

function overloadedIn(
  { hosts, accounts }: FleetView,
  { memoryLimitRatio }: PlacementPolicy,
): HostName[] {
  const used = new Map<string, number>();
  for (const { host, memoryBytes } of accounts)
    if (host !== null) used.set(host, (used.get(host) ?? 0) + memoryBytes);
  return hosts
    .filter(
      ({ name, state, baseMemoryBytes, memoryBytes }) =>
        state !== 'dead' &&
        baseMemoryBytes + (used.get(name) ?? 0) > memoryBytes * memoryLimitRatio,
    )
    .map(({ name }) => name);
}
