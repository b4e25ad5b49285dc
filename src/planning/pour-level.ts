import type { FlatFleet } from './flat-fleet.ts';

/**
 * A lower bound on the highest score after `accounts` have been placed on the hosts that are up: pour their least possible weight over
 * the hosts like water over vessels that already stand at their scores. Hosts differ in size, so each vessel has a width; any widths
 * give a valid bound, and the best of a few is returned. Never below the highest score now.
 */
export function pourLevel(fleet: FlatFleet, accounts: readonly number[]): number {
  const hosts = fleet.upHosts();
  const top = hosts.reduce((highest, host) => Math.max(highest, fleet.score[host] ?? 0), 0);
  const widths: ((host: number) => number)[] = [
    () => 1,
    (host) => fleet.hosts[host]?.maxAccounts ?? 0,
    (host) => fleet.hosts[host]?.cpuCores ?? 0,
    (host) => fleet.hosts[host]?.memoryBytes ?? 0,
  ];
  return widths.reduce((level, widthOf) => Math.max(level, levelForWidths(fleet, hosts, accounts, widthOf)), top);
}

function levelForWidths(
  fleet: FlatFleet,
  hosts: readonly number[],
  accounts: readonly number[],
  widthOf: (host: number) => number,
): number {
  let [cpu, memory, slots] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const host of hosts) {
    const width = widthOf(host);
    cpu = Math.min(cpu, width * (fleet.cpuPoints[host] ?? 0));
    memory = Math.min(memory, width * (fleet.memoryPoints[host] ?? 0));
    slots = Math.min(slots, width * (fleet.slotPoints[host] ?? 0));
  }
  let mass = 0;
  for (const account of accounts) mass += (fleet.cpu[account] ?? 0) * cpu + (fleet.memory[account] ?? 0) * memory + slots;
  const vessels = hosts.map((host) => ({ score: fleet.score[host] ?? 0, width: widthOf(host) })).sort((a, b) => a.score - b.score);
  return waterLevel(vessels, mass);
}

/** How high `mass` stands in vessels with their floors at `score`, sorted by it. */
function waterLevel(vessels: readonly { readonly score: number; readonly width: number }[], mass: number): number {
  let poured = 0;
  let width = 0;
  for (const [index, vessel] of vessels.entries()) {
    width += vessel.width;
    const room = ((vessels[index + 1]?.score ?? Number.POSITIVE_INFINITY) - vessel.score) * width;
    if (width > 0 && poured + room >= mass) return vessel.score + (mass - poured) / width;
    poured += room;
  }
  return 0;
}
