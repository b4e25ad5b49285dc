/**
 * The planner beside a naive greedy and the lower bound, on fleets that this file draws itself:
 * `node bench/placement.ts [HOSTS...]`.
 * Moves are those that bring the spread under 30 points; "missed" where a planner does not get
 * there.
 */
import type { PlacementPolicy } from '../src/model/inventory.ts';
import type { AccountName, HostName } from '../src/model/names.ts';
import { FlatFleet } from '../src/planning/fleet/flat-fleet.ts';
import type { AccountView, FleetView, HostView } from '../src/planning/fleet/fleet-view.ts';
import { none } from '../src/planning/fleet/index-keys.ts';
import { accountsToPlace, planPlacement } from '../src/planning/placement/placement.ts';
import { pourLevel } from '../src/planning/placement/pour-level.ts';
import { planRebalance } from '../src/planning/rebalance/rebalance.ts';

const policy: PlacementPolicy = {
  strategy: 'load',
  strategyByLabel: [],
  weights: { cpu: 0.3, memory: 0.3, slots: 0.3, disk: 0.1 },
  threshold: 30,
  maxMigrations: Number.MAX_SAFE_INTEGER,
  memoryLimitRatio: 0.9,
  sampleMaxAgeMs: 300_000,
  cooldownMs: 6 * 3_600_000,
};

type Draw = () => number;

/**
 * Seeded random numbers, 0-1: a linear congruential generator with the constants of Numerical
 * Recipes.
 */
function seededDraw(seed: number): Draw {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Log-normal by the sum of twelve uniforms, which is close enough to normal for a load. */
function skewed(draw: Draw, median: number, sigma: number): number {
  const normal = Array.from({ length: 12 }, draw).reduce((sum, value) => sum + value, -6);
  return median * Math.exp(sigma * normal);
}

interface Family {
  readonly cpuSigma: number;
  /** 0: an even chance for every host; more crowds a few. */
  readonly unevenness: number;
  readonly adjust?: (
    accounts: readonly AccountView[],
    fleet: FlatFleet,
    draw: Draw,
  ) => readonly AccountView[];
}

const skewFamily: Family = { cpuSigma: 1.1, unevenness: 0.5 };

const families: Record<string, Family> = {
  uniform: { cpuSigma: 0.25, unevenness: 0.7 },
  skew: skewFamily,
  whale: {
    cpuSigma: 0.25,
    unevenness: 0.6,
    adjust: (accounts, _, draw) =>
      accounts.map((account) => (draw() < 1 / 12 ? { ...account, cpuCores: 1.2 } : account)),
  },
  stuck: {
    cpuSigma: 0.25,
    unevenness: 0.7,
    adjust(accounts, fleet) {
      const hottest = fleet.upHosts().sort((a, b) => (fleet.score[b] ?? 0) - (fleet.score[a] ?? 0));
      const frozen = new Set(
        hottest.slice(0, Math.ceil(hottest.length / 10)).map((host) => fleet.hosts[host]?.name),
      );
      return accounts.map((account) =>
        account.host !== null && frozen.has(account.host)
          ? { ...account, pinnedTo: account.host }
          : account,
      );
    },
  },
};

function drawFleet(
  { cpuSigma, unevenness, adjust }: Family,
  hostCount: number,
  seed: number,
): FleetView {
  const draw = seededDraw(seed);
  const hosts: HostView[] = Array.from({ length: hostCount }, (_, index) => ({
    name: `h${index}` as HostName,
    state: 'up',
    stateReason: null,
    cpuCores: 2,
    memoryBytes: 3 * 2 ** 30,
    baseCpuCores: 0.08,
    baseMemoryBytes: 300 * 2 ** 20,
    diskUsedRatio: 0.1 + 0.3 * draw(),
    maxAccounts: 8,
    zone: null,
    groups: [],
    location: null,
    latencyMs: null,
  }));
  const chance = hosts.map(() => skewed(draw, 1, unevenness));
  const total = chance.reduce((sum, value) => sum + value, 0);
  const free = hosts.map(({ maxAccounts }) => maxAccounts);
  const accounts = Array.from({ length: 5 * hostCount }, (_, index) =>
    drawAccount(index, pickHost(draw, chance, total, free), cpuSigma, draw),
  );
  const view = { nowMs: 0, hosts, accounts };
  return adjust === undefined
    ? view
    : { ...view, accounts: adjust(accounts, new FlatFleet(view, policy), draw) };
}

/** A host by its chance; the next one with a free slot where that is full. */
function pickHost(draw: Draw, chance: readonly number[], total: number, free: number[]): number {
  let left = draw() * total;
  let host = chance.findIndex((value) => {
    left -= value;
    return left <= 0;
  });
  while ((free[host] ?? 0) <= 0) host = (host + 1) % free.length;
  free[host] = (free[host] ?? 0) - 1;
  return host;
}

function drawAccount(index: number, host: number, cpuSigma: number, draw: Draw): AccountView {
  return {
    name: `a${index}` as AccountName,
    host: `h${host}` as HostName,
    cpuCores: Math.min(1.2, skewed(draw, 0.1, cpuSigma)),
    memoryBytes: Math.min(300, skewed(draw, 120, cpuSigma / 2)) * 2 ** 20,
    group: null,
    script: null,
    owner: null,
    pinnedTo: null,
    allowedZones: [],
    location: null,
    labels: {},
    movedAtMs: null,
    strategy: null,
  };
}

/**
 * What most would write first: the first movable account of the hottest host goes to the coldest
 * that takes it. Returns the moves.
 */
function naiveMoves(view: FleetView): number | null {
  const fleet = new FlatFleet(view, policy);
  const moved = new Set<number>();
  while (fleet.spread() > policy.threshold) {
    const byScore = fleet.upHosts().sort((a, b) => (fleet.score[a] ?? 0) - (fleet.score[b] ?? 0));
    const hottest = byScore.at(-1) ?? none;
    const account = fleet
      .residents(hottest)
      .find((resident) => fleet.movable[resident] === 1 && !moved.has(resident));
    const target = byScore.find(
      (host) => host !== hottest && account !== undefined && fleet.accepts(account, host),
    );
    if (account === undefined || target === undefined) return null;
    moved.add(account);
    fleet.move(account, target);
  }
  return moved.size;
}

/** One account after the other onto the lowest host. Returns the spread. */
function naivePlacementSpread(view: FleetView): number {
  const fleet = new FlatFleet(view, policy);
  for (let account = 0; account < view.accounts.length; account++) {
    const takers = fleet.upHosts().filter((host) => fleet.accepts(account, host));
    fleet.move(
      account,
      takers.reduce(
        (best, host) => ((fleet.score[host] ?? 0) < (fleet.score[best] ?? 0) ? host : best),
        takers[0] ?? none,
      ),
    );
  }
  return fleet.spread();
}

function timed<T>(work: () => T): { readonly result: T; readonly ms: number } {
  const start = performance.now();
  const result = work();
  return { result, ms: performance.now() - start };
}

function printRow(cells: readonly (string | number)[]): void {
  console.log(
    cells
      .map((cell, column) => (column === 0 ? String(cell).padEnd(10) : String(cell).padStart(10)))
      .join(''),
  );
}

const sizes = process.argv.slice(2).map(Number);
for (const hostCount of sizes.length > 0 ? sizes : [20, 50, 200]) {
  console.log(
    `\nmoves to bring the spread under ${policy.threshold}, ${hostCount} hosts, ` +
      `${5 * hostCount} accounts`,
  );
  printRow(['family', 'planner', 'naive', 'bound', 'spread', 'ms']);
  for (const [name, family] of Object.entries(families)) {
    const view = drawFleet(family, hostCount, 1);
    const { result, ms } = timed(() =>
      planRebalance(view, policy, { targetSpread: policy.threshold }),
    );
    const planned =
      result.verdict === 'planned' || result.verdict === 'balanced'
        ? result.moves.length
        : 'missed';
    printRow([
      name,
      planned,
      naiveMoves(view) ?? 'missed',
      result.lowerBound ?? '-',
      result.spreadAfter.toFixed(1),
      ms.toFixed(0),
    ]);
  }
  const skew = drawFleet(skewFamily, hostCount, 2);
  const empty = { ...skew, accounts: skew.accounts.map((account) => ({ ...account, host: null })) };
  const { result, ms } = timed(() => planPlacement(empty, accountsToPlace(empty), policy));
  const level = pourLevel(
    new FlatFleet(empty, policy),
    empty.accounts.map((_, account) => account),
  );
  console.log(
    `placing all of the skewed ones: spread ${result.spreadAfter.toFixed(1)}, naive ` +
      `${naivePlacementSpread(empty).toFixed(1)}, ` +
      `least peak possible ${level.toFixed(1)}, ${result.unplaced.length} left over, ` +
      `${ms.toFixed(0)} ms`,
  );
}
