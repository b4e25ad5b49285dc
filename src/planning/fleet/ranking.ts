import type { PlacementPolicy } from '../../model/inventory.ts';
import type { HostName } from '../../model/names.ts';
import { FlatFleet } from './flat-fleet.ts';
import { type FleetView, type HostState, unmeasuredBytes } from './fleet-view.ts';
import type { LoadScore } from './score.ts';

/** One line of `fleet rankings`. */
export interface HostRanking {
  /** 1 is best. Hosts that are not up have none. */
  readonly rank: number | null;
  readonly host: HostName;
  readonly state: HostState;
  readonly stateReason: string | null;
  readonly score: LoadScore;
  readonly accounts: number;
  readonly maxAccounts: number;
  /** 0 where the host is over its limit. */
  readonly freeSlots: number;
  /**
   * Bytes below the policy's memory limit; 0 where the host is over it, null where the host was
   * never measured.
   */
  readonly freeMemoryBytes: number | null;
}

/** Hosts by load score, best first, ties by name; hosts that are not up come after all others. */
export function rankHosts(view: FleetView, policy: PlacementPolicy): HostRanking[] {
  const fleet = new FlatFleet(view, policy);
  const rows = fleet.hosts.map((host, index) => {
    const free = fleet.freeSlots[index] ?? 0;
    return {
      host: host.name,
      state: host.state,
      stateReason: host.stateReason,
      score: fleet.scoreOf(index),
      accounts: host.maxAccounts - free,
      maxAccounts: host.maxAccounts,
      freeSlots: Math.max(0, free),
      freeMemoryBytes:
        host.memoryBytes === unmeasuredBytes
          ? null
          : Math.round(Math.max(0, fleet.freeMemory[index] ?? 0)),
    };
  });
  const isDown = (row: { readonly state: HostState }): number => (row.state === 'up' ? 0 : 1);
  rows.sort(
    (a, b) => isDown(a) - isDown(b) || a.score.total - b.score.total || (a.host < b.host ? -1 : 1),
  );
  return rows.map((row, position) => ({ rank: row.state === 'up' ? position + 1 : null, ...row }));
}
