import { selectHosts } from '../../inventory/select-hosts.ts';
import type { PlacedAccount } from '../../ledger/queries/accounts.ts';
import { listHosts } from '../../ledger/queries/hosts.ts';
import { listOpenMoves } from '../../ledger/queries/moves.ts';
import type { HostRow, MoveRow } from '../../ledger/schema.ts';
import type { FleetError } from '../../model/errors.ts';
import type { Inventory } from '../../model/inventory.ts';
import { type HostRanking, rankHosts } from '../../planning/fleet/ranking.ts';
import { listKnownAccounts } from '../accounts/known-accounts.ts';
import type { FleetContext } from '../context.ts';
import { lostLedgerErrors } from '../custody/lost-ledger.ts';
import { renamedHosts, strayHint } from '../hosts/host-identity.ts';
import { readFleetView } from '../hosts/read-fleet-view.ts';
import { readUnendedTrials, type UnendedTrial } from '../trials/unended-trials.ts';

/** A host of the ledger that owns accounts and that the inventory does not name. */
export interface Stray {
  readonly host: string;
  readonly accounts: readonly string[];
  /** What to do about it. */
  readonly remedy: string;
}

export interface FleetStatus {
  readonly fleet: string;
  /** As in the inventory. */
  readonly hosts: readonly HostRanking[];
  readonly rows: ReadonlyMap<string, HostRow>;
  /**
   * Accounts on those hosts, and those without a host; all of the ledger where no hosts were
   * chosen.
   */
  readonly accounts: readonly PlacedAccount[];
  /** Hosts that own accounts and are not in the inventory. */
  readonly strays: readonly Stray[];
  readonly moves: readonly MoveRow[];
  readonly trials: readonly UnendedTrial[];
  /** Hosts that did not answer just now, and a ledger that is missing. */
  readonly errors: readonly FleetError[];
}

/**
 * What is known of the chosen hosts and their accounts; with `isLive` the agents are asked first,
 * otherwise nobody is.
 */
export async function readFleetStatus(
  context: FleetContext,
  limit: readonly string[],
  isLive: boolean,
): Promise<FleetStatus> {
  const { inventory, ledger } = context;
  const { view, readings } = await readFleetView(context, { maxAgeMs: isLive ? 0 : null });
  const chosen = new Set<string>(selectHosts(inventory, limit).map(({ name }) => name));
  const ranks = new Map<string, HostRanking>(
    rankHosts(view, inventory.placement).map((rank) => [rank.host, rank]),
  );
  const accounts = await listKnownAccounts(ledger.db);
  return {
    fleet: inventory.fleet,
    hosts: [...chosen].flatMap((host) => ranks.get(host) ?? []),
    rows: new Map((await listHosts(ledger.db)).map((row) => [row.name, row])),
    accounts:
      limit.length === 0
        ? accounts
        : accounts.filter(({ host }) => host === null || chosen.has(host)),
    strays: straysOf(inventory, accounts, await renamedHosts(context)),
    moves: await listOpenMoves(ledger.db),
    trials: await readUnendedTrials(ledger.db),
    errors: [
      ...(await lostLedgerErrors(context)),
      ...readings.flatMap(({ problem }) => (problem === null ? [] : [problem])),
    ],
  };
}

/** By name of the host. */
export function straysOf(
  { hosts }: Pick<Inventory, 'hosts'>,
  accounts: readonly Pick<PlacedAccount, 'name' | 'host'>[],
  renamed: ReadonlyMap<string, string>,
): Stray[] {
  const inInventory = new Set<string>(hosts.map(({ name }) => name));
  const byHost = Map.groupBy(accounts, ({ host }) => host);
  return [...byHost]
    .flatMap(([host, here]): Stray[] =>
      host === null || inInventory.has(host)
        ? []
        : [
            {
              host,
              accounts: here.map(({ name }) => name),
              remedy: strayHint(host, renamed.get(host)),
            },
          ],
    )
    .toSorted((a, b) => (a.host < b.host ? -1 : 1));
}
