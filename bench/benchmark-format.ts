import type { PlacementPolicy, Strategy } from '../src/model/inventory.ts';
import type { AccountName, HostName } from '../src/model/names.ts';
import type {
  AccountView,
  FleetView,
  HostState,
  HostView,
} from '../src/planning/fleet/fleet-view.ts';
import { accountsToPlace, planPlacement } from '../src/planning/placement/placement.ts';
import { planRebalance } from '../src/planning/rebalance/rebalance.ts';

/**
 * `fleet-placement-instance/1`: millicores, MB, percent. Trusted input of benchmarks, therefore
 * typed and not parsed.
 */
export interface Instance {
  readonly id: string;
  readonly op: 'rebalance' | 'place' | 'failover' | 'drain';
  readonly now?: number;
  readonly policy?: InstancePolicy;
  readonly hosts: readonly InstanceHost[];
  readonly accounts: readonly InstanceAccount[];
}

interface InstancePolicy {
  readonly strategy?: 'load' | 'isolation' | 'affinity' | 'location' | 'round-robin';
  readonly weights?: {
    readonly cpu?: number;
    readonly mem?: number;
    readonly slots?: number;
    readonly disk?: number;
  };
  readonly threshold?: number;
  readonly target?: number;
  /** null: no cap. */
  readonly maxMoves?: number | null;
  readonly memLimit?: number;
  readonly cooldownMs?: number;
}

interface InstanceHost {
  readonly id: string;
  readonly zone?: string;
  readonly state: HostState;
  readonly cpu: number;
  readonly mem: number;
  readonly max: number;
  readonly disk?: number;
  readonly baseCpu?: number;
  readonly baseMem?: number;
  readonly lat?: number;
  readonly lon?: number;
}

interface InstanceAccount {
  readonly id: string;
  readonly host?: string | null;
  readonly cpu: number;
  readonly mem: number;
  readonly group?: string;
  readonly script?: string;
  readonly pinned?: boolean;
  readonly zones?: readonly string[];
  readonly anti?: string;
  readonly movedAt?: number;
  readonly lat?: number;
  readonly lon?: number;
}

/** `fleet-placement-plan/1`. */
export interface InstancePlan {
  readonly format: 'fleet-placement-plan/1';
  readonly instance: string;
  readonly moves: readonly {
    readonly account: string;
    readonly from: string | null;
    readonly to: string;
    readonly reason: string;
  }[];
  readonly unplaced: readonly { readonly account: string; readonly reason: string }[];
}

/**
 * The product's policy for an instance, with the target and the cap, which are options of a
 * rebalance and not policy.
 */
export function toPolicy(instance: Instance): {
  policy: PlacementPolicy;
  targetSpread: number;
  maxMoves: number;
} {
  const {
    strategy,
    weights,
    threshold = 30,
    target,
    maxMoves,
    memLimit = 0.9,
    cooldownMs = 6 * 3_600_000,
  } = instance.policy ?? {};
  const strategies: Record<string, Strategy> = {
    'round-robin': 'even',
    isolation: 'isolation',
    affinity: 'affinity',
    location: 'location',
  };
  const policy: PlacementPolicy = {
    strategy: strategies[strategy ?? 'load'] ?? 'load',
    strategyByLabel: [],
    weights: {
      cpu: weights?.cpu ?? 0.3,
      memory: weights?.mem ?? 0.3,
      slots: weights?.slots ?? 0.3,
      disk: weights?.disk ?? 0.1,
    },
    threshold,
    maxMigrations: maxMoves ?? Number.MAX_SAFE_INTEGER,
    memoryLimitRatio: memLimit,
    sampleMaxAgeMs: 300_000,
    cooldownMs,
  };
  return { policy, targetSpread: target ?? threshold, maxMoves: policy.maxMigrations };
}

/** The instance as the planner sees a fleet: cores, bytes, ratios. */
export function toView({ now, hosts, accounts }: Instance): FleetView {
  return { nowMs: now ?? 0, hosts: hosts.map(toHost), accounts: accounts.map(toAccount) };
}

const mebibyte = 2 ** 20;

/** Places of instances have no names; `name` is that of what stands there. */
function toLocation(
  name: string,
  lat: number | undefined,
  lon: number | undefined,
): HostView['location'] {
  return lat === undefined || lon === undefined
    ? null
    : { name, latitude: lat, longitude: lon, country: null };
}

/** One for all: a view of 50,000 accounts is made for every plan. */
const anyZone: readonly string[] = [];
const noLabels: AccountView['labels'] = {};

function toHost(host: InstanceHost): HostView {
  return {
    name: host.id as HostName,
    state: host.state,
    stateReason: null,
    cpuCores: host.cpu / 1000,
    memoryBytes: host.mem * mebibyte,
    baseCpuCores: (host.baseCpu ?? 0) / 1000,
    baseMemoryBytes: (host.baseMem ?? 0) * mebibyte,
    diskUsedRatio: (host.disk ?? 0) / 100,
    maxAccounts: host.max,
    zone: host.zone ?? null,
    groups: [],
    location: toLocation(host.id, host.lat, host.lon),
    latencyMs: null,
  };
}

function toAccount(account: InstanceAccount): AccountView {
  const host = (account.host ?? null) as HostName | null;
  return {
    name: account.id as AccountName,
    host,
    cpuCores: account.cpu / 1000,
    memoryBytes: account.mem * mebibyte,
    group: account.group ?? null,
    script: account.script ?? null,
    owner: null,
    pinnedTo: account.pinned === true ? host : null,
    allowedZones: account.zones ?? anyZone,
    location: toLocation(account.id, account.lat, account.lon),
    labels: account.anti === undefined ? noLabels : { 'anti-affinity': account.anti },
    movedAtMs: account.movedAt ?? null,
    strategy: null,
  };
}

/** Plans an instance with the product's planner, undamped. */
export function planFor(instance: Instance): InstancePlan {
  return planView(instance, toView(instance), toPolicy(instance));
}

/** Plans what the instance asks for on a view of it. */
export function planView(
  { id, op }: Instance,
  view: FleetView,
  {
    policy,
    targetSpread,
    maxMoves,
  }: { readonly policy: PlacementPolicy; readonly targetSpread: number; readonly maxMoves: number },
): InstancePlan {
  const base = { format: 'fleet-placement-plan/1' as const, instance: id };
  if (op === 'rebalance') {
    const { moves } = planRebalance(view, policy, { targetSpread, maxMoves });
    return {
      ...base,
      moves: moves.map(({ account, from, to, reason }) => ({ account, from, to, reason })),
      unplaced: [],
    };
  }
  const { placements, unplaced } = planPlacement(view, accountsToPlace(view), policy);
  const moves = placements.map(({ account, from, host, reason }) => ({
    account,
    from,
    to: host,
    reason,
  }));
  return { ...base, moves, unplaced: unplaced.map(({ account, reason }) => ({ account, reason })) };
}
