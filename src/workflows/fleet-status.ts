import { selectHosts } from '../inventory/select-hosts.ts';
import type { PlacedAccount } from '../ledger/accounts.ts';
import { listHosts } from '../ledger/hosts.ts';
import { listOpenMoves } from '../ledger/moves.ts';
import type { HostRow, MoveRow } from '../ledger/schema.ts';
import type { FleetError } from '../model/errors.ts';
import { type HostRanking, rankHosts } from '../planning/ranking.ts';
import type { FleetContext } from './context.ts';
import { readFleetView } from './read-fleet-view.ts';

export interface FleetStatus {
  readonly fleet: string;
  /** As in the inventory. */
  readonly hosts: readonly HostRanking[];
  readonly rows: ReadonlyMap<string, HostRow>;
  /** Accounts on those hosts, and those without a host. */
  readonly accounts: readonly PlacedAccount[];
  readonly moves: readonly MoveRow[];
  /** Hosts that did not answer just now. */
  readonly errors: readonly FleetError[];
}

/** What is known of the chosen hosts and their accounts; with `isLive` the agents are asked first, otherwise nobody is. */
export async function readFleetStatus(context: FleetContext, limit: readonly string[], isLive: boolean): Promise<FleetStatus> {
  const { inventory, ledger } = context;
  const { view, readings, accounts } = await readFleetView(context, { maxAgeMs: isLive ? 0 : null });
  const chosen = new Set<string>(selectHosts(inventory, limit).map(({ name }) => name));
  const ranks = new Map<string, HostRanking>(rankHosts(view, inventory.placement).map((rank) => [rank.host, rank]));
  return {
    fleet: inventory.fleet,
    hosts: [...chosen].flatMap((host) => ranks.get(host) ?? []),
    rows: new Map((await listHosts(ledger.db)).map((row) => [row.name, row])),
    accounts: accounts.filter(({ host }) => host === null || chosen.has(host)),
    moves: await listOpenMoves(ledger.db),
    errors: readings.flatMap(({ problem }) => (problem === null ? [] : [problem])),
  };
}
