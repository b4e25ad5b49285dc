import fc from 'fast-check';
import type { Location, PlacementPolicy, Strategy } from '../../src/model/inventory.ts';
import type { AccountName, HostName } from '../../src/model/names.ts';
import type { AccountView, FleetView, HostView } from '../../src/planning/fleet/fleet-view.ts';

const mebibyte = 2 ** 20;
export const nowMs = 1_800_000_000_000;

export const policy: PlacementPolicy = {
  strategy: 'load',
  strategyByLabel: [],
  weights: { cpu: 0.3, memory: 0.3, slots: 0.3, disk: 0.1 },
  threshold: 30,
  maxMigrations: 10,
  memoryLimitRatio: 0.9,
  sampleMaxAgeMs: 300_000,
  cooldownMs: 6 * 3_600_000,
};

export const hostName = (name: string): HostName => name as HostName;
export const accountName = (name: string): AccountName => name as AccountName;

/** A host of 2 cores, 2 GiB and 5 slots that uses nothing itself. */
export function host(name: string, changes: Partial<HostView> = {}): HostView {
  return {
    name: hostName(name),
    state: 'up',
    stateReason: null,
    cpuCores: 2,
    memoryBytes: 2048 * mebibyte,
    baseCpuCores: 0,
    baseMemoryBytes: 0,
    diskUsedRatio: 0,
    maxAccounts: 5,
    zone: null,
    groups: [],
    location: null,
    latencyMs: null,
    ...changes,
  };
}

/** An account of 0.1 core and 100 MiB. On `host` above it weighs 1.5 + 1.46 + 6 points. */
export function account(
  name: string,
  on: string | null = null,
  changes: Partial<AccountView> = {},
): AccountView {
  return {
    name: accountName(name),
    host: on === null ? null : hostName(on),
    cpuCores: 0.1,
    memoryBytes: 100 * mebibyte,
    group: null,
    script: null,
    owner: null,
    pinnedTo: null,
    allowedZones: [],
    location: null,
    labels: {},
    movedAtMs: null,
    strategy: null,
    ...changes,
  };
}

export function fleetOf(hosts: readonly HostView[], accounts: readonly AccountView[]): FleetView {
  return { nowMs, hosts, accounts };
}

export function place(
  name: string,
  latitude: number,
  longitude: number,
  country: string | null = null,
): Location {
  return { name, latitude, longitude, country };
}

const cities = [
  place('ams', 52.37, 4.9, 'NL'),
  place('nyc', 40.71, -74.01, 'US'),
  place('sin', 1.35, 103.82, 'SG'),
  null,
];
const strategies: readonly (Strategy | null)[] = [
  null,
  'load',
  'even',
  'location',
  'affinity',
  'isolation',
];

const hostArbitrary = (index: number): fc.Arbitrary<HostView> =>
  fc
    .record({
      state: fc.oneof(
        { weight: 6, arbitrary: fc.constant('up' as const) },
        fc.constantFrom('cordoned' as const, 'draining', 'dead', 'unhealthy'),
      ),
      cpuCores: fc.constantFrom(1, 2, 4),
      memoryMebibytes: fc.constantFrom(1024, 2048, 4096),
      maxAccounts: fc.integer({ min: 1, max: 8 }),
      diskUsedRatio: fc.double({ min: 0, max: 1, noNaN: true }),
      zone: fc.constantFrom('z1', 'z2', null),
      location: fc.constantFrom(...cities),
    })
    .map(({ memoryMebibytes, ...rest }) =>
      host(`h${index}`, { ...rest, memoryBytes: memoryMebibytes * mebibyte }),
    );

const accountArbitrary = (index: number, hosts: number): fc.Arbitrary<AccountView> =>
  fc
    .record({
      on: fc.option(fc.integer({ min: 0, max: hosts - 1 }), { freq: 3 }),
      cpuCores: fc.double({ min: 0.01, max: 1.5, noNaN: true }),
      memoryMebibytes: fc.integer({ min: 20, max: 900 }),
      group: fc.constantFrom('g1', 'g2', null),
      script: fc.constantFrom('s1', 's2', null),
      pinned: fc.option(fc.integer({ min: 0, max: hosts - 1 }), { freq: 6 }),
      zones: fc.constantFrom([], [], ['z1'], ['z1', 'NL'], ['z2']),
      key: fc.constantFrom(null, null, null, 'k1', 'k2'),
      movedAtMs: fc.constantFrom(null, null, nowMs - 1000),
      location: fc.constantFrom(...cities),
      strategy: fc.constantFrom(...strategies),
    })
    .map(({ on, memoryMebibytes, pinned, zones, key, ...rest }) =>
      account(`a${index}`, on === null ? null : `h${on}`, {
        ...rest,
        memoryBytes: memoryMebibytes * mebibyte,
        pinnedTo: pinned === null ? null : hostName(`h${pinned}`),
        allowedZones: zones,
        labels: key === null ? {} : { 'anti-affinity': key },
      }),
    );

/**
 * Any fleet of 1 to `maxHosts` hosts, also one that starts over its limits or breaks its own rules.
 */
export const fleetArbitrary = (maxHosts = 6, maxAccounts = 24): fc.Arbitrary<FleetView> =>
  fc.integer({ min: 1, max: maxHosts }).chain((hostCount) =>
    fc
      .tuple(
        fc.tuple(...Array.from({ length: hostCount }, (_, index) => hostArbitrary(index))),
        fc
          .integer({ min: 0, max: maxAccounts })
          .chain((count) =>
            fc.tuple(
              ...Array.from({ length: count }, (_, index) => accountArbitrary(index, hostCount)),
            ),
          ),
      )
      .map(([hosts, accounts]) => fleetOf(hosts, accounts)),
  );
