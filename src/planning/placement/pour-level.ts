import type { FlatFleet } from '../fleet/flat-fleet.ts';
import { none } from '../fleet/index-keys.ts';

/**
 * A lower bound on the highest score after `accounts` have been placed on the hosts that are up:
 * pour their least possible weight over
 * the hosts like water over vessels that already stand at their scores. Hosts differ in size, so
 * each vessel has a width; any widths
 * give a valid bound, and the best of a few is returned. Never below the highest score now.
 */
export function pourLevel(fleet: FlatFleet, accounts: readonly number[]): number {
  const rising = fleet
    .upHosts()
    .sort((a, b) => (fleet.score[a] as number) - (fleet.score[b] as number));
  const top = Math.max(0, fleet.score[rising.at(-1) ?? none] ?? 0);
  const widths: ((host: number) => number)[] = [
    () => 1,
    (host) => fleet.hosts[host]?.maxAccounts ?? 0,
    (host) => fleet.hosts[host]?.cpuCores ?? 0,
    (host) => fleet.hosts[host]?.memoryBytes ?? 0,
  ];
  let [cpu, memory] = [0, 0];
  for (const account of accounts) {
    cpu += fleet.cpu[account] as number;
    memory += fleet.memory[account] as number;
  }
  const demand = { cpu, memory, accounts: accounts.length };
  return widths.reduce(
    (level, widthOf) => Math.max(level, levelForWidths(fleet, rising, demand, widthOf)),
    top,
  );
}

/** `rising`: the hosts, lowest score first. `demand`: of all accounts together. */
function levelForWidths(
  fleet: FlatFleet,
  rising: readonly number[],
  demand: { readonly cpu: number; readonly memory: number; readonly accounts: number },
  widthOf: (host: number) => number,
): number {
  let [cpu, memory, slots] = [
    Number.POSITIVE_INFINITY,
    Number.POSITIVE_INFINITY,
    Number.POSITIVE_INFINITY,
  ];
  for (const host of rising) {
    const width = widthOf(host);
    cpu = Math.min(cpu, width * (fleet.cpuPoints[host] as number));
    memory = Math.min(memory, width * (fleet.memoryPoints[host] as number));
    slots = Math.min(slots, width * (fleet.slotPoints[host] as number));
  }
  return waterLevel(
    fleet,
    rising,
    demand.cpu * cpu + demand.memory * memory + demand.accounts * slots,
    widthOf,
  );
}

/** How high `mass` stands in vessels with their floors at the hosts' scores. */
function waterLevel(
  fleet: FlatFleet,
  rising: readonly number[],
  mass: number,
  widthOf: (host: number) => number,
): number {
  let poured = 0;
  let width = 0;
  for (let index = 0; index < rising.length; index++) {
    const host = rising[index] as number;
    width += widthOf(host);
    const floor = fleet.score[host] as number;
    const room =
      ((fleet.score[rising[index + 1] ?? none] ?? Number.POSITIVE_INFINITY) - floor) * width;
    if (width > 0 && poured + room >= mass) return floor + (mass - poured) / width;
    poured += room;
  }
  return 0;
}
