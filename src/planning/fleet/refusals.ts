import type { HostName } from '../../model/names.ts';
import type { FlatFleet, RefusalCode } from './flat-fleet.ts';
import { antiAffinityLabel, zoneNames } from './fleet-view.ts';

/** Why one host did not take an account. JSON-able. */
export interface HostRefusal {
  readonly host: HostName;
  readonly code: RefusalCode;
  /** With the figures that decided. */
  readonly message: string;
}

/** How many hosts refused for each reason; only reasons that occur. */
export type RefusalCounts = Partial<Record<RefusalCode, number>>;

const summaryWords: Record<RefusalCode, string> = {
  cordoned: 'cordoned',
  unhealthy: 'unhealthy',
  'not-ready': 'not ready',
  draining: 'draining',
  dead: 'dead',
  pinned: 'not its pinned host',
  zone: 'wrong zone',
  full: 'full',
  memory: 'short of memory',
  'anti-affinity': 'anti-affinity',
};

/** One line for people, most frequent reason first: "31 full, 4 wrong zone". */
export function formatRefusalCounts(counts: RefusalCounts): string {
  const entries = Object.entries(counts) as [RefusalCode, number][];
  entries.sort(([codeA, a], [codeB, b]) => b - a || (codeA < codeB ? -1 : 1));
  return entries.length === 0
    ? 'the fleet has no hosts'
    : entries.map(([code, count]) => `${count} ${summaryWords[code]}`).join(', ');
}

/**
 * Counts, over all hosts, why each refuses the account now. Hosts that accept it are not counted.
 */
export function countRefusals(fleet: FlatFleet, account: number): RefusalCounts {
  const counts: RefusalCounts = {};
  for (let host = 0; host < fleet.hosts.length; host++) {
    const code = fleet.refusal(account, host);
    if (code !== null) counts[code] = (counts[code] ?? 0) + 1;
  }
  return counts;
}

/** Every host's refusal of the account now, in the order of host names. */
export function listRefusals(fleet: FlatFleet, account: number): HostRefusal[] {
  return fleet.hosts.flatMap((_, host) => refusalAt(fleet, account, host) ?? []);
}

/** Why the host refuses the account now, or null when it would take it. */
export function refusalAt(fleet: FlatFleet, account: number, host: number): HostRefusal | null {
  const code = fleet.refusal(account, host);
  const hostView = fleet.hosts[host];
  if (code === null || hostView === undefined) return null;
  return { host: hostView.name, code, message: refusalMessage(fleet, account, host, code) };
}

function refusalMessage(
  fleet: FlatFleet,
  account: number,
  host: number,
  code: RefusalCode,
): string {
  const hostView = fleet.hosts[host];
  const accountView = fleet.accounts[account];
  if (hostView === undefined || accountView === undefined)
    throw new RangeError(`no host ${host} or account ${account}`);
  switch (code) {
    case 'pinned':
      return `${accountView.name} is pinned to ${accountView.pinnedTo}`;
    case 'zone': {
      const names = zoneNames(hostView);
      const place =
        names.length === 0 ? 'has no zone, country or group' : `is in ${names.join(', ')}`;
      return (
        `${hostView.name} ${place}; ${accountView.name} may only run in ` +
        `${accountView.allowedZones.join(', ')}`
      );
    }
    case 'full':
      return (
        `${hostView.maxAccounts - (fleet.freeSlots[host] ?? 0)} of ${hostView.maxAccounts} ` +
        'slots used'
      );
    case 'memory':
      return memoryMessage(fleet, account, host);
    case 'anti-affinity': {
      const other = fleet.accounts[fleet.antiAffine(account, host)];
      return (
        `runs ${other?.name}, which shares ` +
        `${antiAffinityLabel}=${accountView.labels[antiAffinityLabel]}`
      );
    }
    default:
      return hostView.stateReason === null
        ? `host is ${summaryWords[code]}`
        : `host is ${summaryWords[code]}: ${hostView.stateReason}`;
  }
}

function memoryMessage(fleet: FlatFleet, account: number, host: number): string {
  const total = fleet.hosts[host]?.memoryBytes ?? 0;
  const limit = total * fleet.policy.memoryLimitRatio;
  const free = fleet.freeMemory[host] ?? 0;
  const percent = Math.round(100 * fleet.policy.memoryLimitRatio);
  return (
    `needs ${formatMebibytes(fleet.memory[account] ?? 0)}, has ` +
    `${formatMebibytes(Math.max(0, free))} left ` +
    `(${formatMebibytes(limit - free)} used of ${formatMebibytes(limit)}, ${percent} % of ` +
    `${formatMebibytes(total)})`
  );
}

function formatMebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
