import type { AccountSample, HostSample, Windows } from '../../../hostside/protocol/sample.ts';
import { silenceOf } from '../../facts/known-state.ts';
import { accountSpecFor } from '../../inventory/account-spec.ts';
import type { PlacedAccount } from '../../ledger/queries/accounts.ts';
import type { HostRow } from '../../ledger/schema.ts';
import type { AccountSpec, HostSpec, Inventory } from '../../model/inventory.ts';
import type { AccountName, HostName } from '../../model/names.ts';
import {
  type AccountView,
  type FleetView,
  type HostState,
  type HostView,
  unmeasuredBytes,
} from '../../planning/fleet/fleet-view.ts';
import { sharedChatCircles } from '../../planning/fleet/shared-chats.ts';
import type { HostReading } from './read-samples.ts';

export interface FleetFacts {
  readonly inventory: Inventory;
  readonly hosts: readonly HostRow[];
  readonly accounts: readonly PlacedAccount[];
  readonly readings: readonly HostReading[];
  /** Accounts that a move is bringing to a host: they count there. */
  readonly arriving: ReadonlyMap<string, string>;
  readonly nowMs: number;
}

/**
 * The ledger's and the agents' facts as the planner's numbers. Pure: the same facts give the same
 * view.
 */
export function buildFleetView(facts: FleetFacts): FleetView {
  const rows = new Map(facts.hosts.map((row) => [row.name, row]));
  const samples = new Map(
    facts.readings.map((reading) => [reading.host.name as string, reading.sample]),
  );
  const specs = facts.accounts.map((account) =>
    accountSpecFor(facts.inventory, account.name as AccountName),
  );
  const circles = sharedChatCircles(specs.map(({ chats }) => chats.map(({ id }) => id)));
  const accounts = facts.accounts.map((account, index) => {
    const host = facts.arriving.get(account.name) ?? account.host;
    const sample = host === null ? null : (samples.get(host) ?? null);
    const spec = specs[index] ?? accountSpecFor(facts.inventory, account.name as AccountName);
    return {
      ...accountView(spec, account, host, sample, limitsOf(facts.inventory, host)),
      sharedChats: circles[index] ?? null,
    };
  });
  const readings = new Map(facts.readings.map((reading) => [reading.host.name, reading]));
  const hosts = facts.inventory.hosts.map((host) => {
    const here = accounts.filter((account) => account.host === host.name);
    return hostView(host, rows.get(host.name), readings.get(host.name), here);
  });
  return { nowMs: facts.nowMs, hosts, accounts };
}

const limitsOf = (inventory: Inventory, host: string | null): HostSpec['limits'] | undefined =>
  (inventory.hosts.find(({ name }) => name === host) ?? inventory.hosts[0])?.limits;

/** The longest window that is full: smoothed rather than of the moment. */
const smoothed = (windows: Windows): number | null => windows.m15 ?? windows.m5 ?? windows.m1;

function hostView(
  host: HostSpec,
  row: HostRow | undefined,
  reading: HostReading | undefined,
  accounts: readonly AccountView[],
): HostView {
  const sample = reading?.sample ?? null;
  const cores = sample?.cpu.cores ?? 1;
  const used =
    sample === null ? 0 : (smoothed(sample.cpu.busyRatio) ?? sample.cpu.busyRatio.now) * cores;
  const memoryUsed = sample === null ? 0 : sample.memory.totalBytes - sample.memory.availableBytes;
  const [state, stateReason] = hostState(host, row, reading);
  return {
    name: host.name,
    state,
    stateReason,
    cpuCores: cores,
    memoryBytes: sample?.memory.totalBytes ?? unmeasuredBytes,
    baseCpuCores: Math.max(
      0,
      used - measured(sample, accounts, (account) => smoothed(account.cpuCores)),
    ),
    baseMemoryBytes: Math.max(
      0,
      memoryUsed -
        measured(sample, accounts, (account, view) => account.memoryBytes ?? view.memoryBytes),
    ),
    diskUsedRatio: sample === null ? 0 : 1 - sample.disk.freeBytes / sample.disk.totalBytes,
    maxAccounts: host.maxAccounts,
    zone: host.zone,
    groups: host.groups,
    location: host.location,
    latencyMs: row?.latency_ms ?? null,
  };
}

/**
 * What the accounts of this host use of it, as its agent measured, or as they are counted where it
 * cannot: nothing is to count twice.
 */
function measured(
  sample: HostSample | null,
  accounts: readonly AccountView[],
  figure: (account: AccountSample, view: AccountView) => number | null,
): number {
  const views = new Map<string, AccountView>(accounts.map((view) => [view.name, view]));
  return (sample?.accounts ?? []).reduce((sum, account) => {
    const view = views.get(account.account);
    return sum + (view === undefined ? 0 : (figure(account, view) ?? 0));
  }, 0);
}

function hostState(
  host: HostSpec,
  row: HostRow | undefined,
  reading: HostReading | undefined,
): [HostState, string | null] {
  if (row?.destroyed_at) return ['dead', 'declared destroyed'];
  if (row?.release === null || row === undefined)
    return ['not-ready', `run: fleet init --limit ${host.name}`];
  const silence = silenceOf(row);
  if (silence !== null) return ['unhealthy', silence.reason];
  if (reading?.problem) return ['unhealthy', reading.problem.message];
  if (reading?.sample === null || reading === undefined) return ['unhealthy', 'no sample yet'];
  if (host.cordoned) return ['cordoned', 'in the inventory'];
  if (row.cordoned === 1) return ['cordoned', row.cordon_reason];
  return ['up', null];
}

/** Demand is what was measured over 15 minutes, before that what the inventory reserves. */
function accountView(
  spec: AccountSpec,
  account: PlacedAccount,
  host: string | null,
  sample: HostSample | null,
  limits: HostSpec['limits'] | undefined,
): AccountView {
  const use = sample?.accounts.find(({ keyId }) => keyId === account.key_id);
  const isMeasured = use !== undefined && use.cpuCores.m15 !== null;
  const reserveCores = spec.limits.cpuReserveCores ?? limits?.cpuReserveCores ?? 0;
  const reserveBytes = spec.limits.memoryReserveBytes ?? limits?.memoryReserveBytes ?? 0;
  return {
    name: account.name as AccountName,
    host: host as HostName | null,
    cpuCores: isMeasured ? (use.cpuCores.m15 ?? reserveCores) : reserveCores,
    memoryBytes: isMeasured ? (use.memoryBytes ?? reserveBytes) : reserveBytes,
    group: spec.group,
    script: spec.script,
    owner: spec.owner,
    pinnedTo: spec.pinnedTo ?? (account.pinned_to as HostName | null),
    allowedZones: spec.allowedZones,
    location: spec.location,
    labels: spec.labels,
    movedAtMs: account.placed_since,
    strategy: spec.strategy,
  };
}
