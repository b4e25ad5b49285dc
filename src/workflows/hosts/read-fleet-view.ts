import { listAccounts, type PlacedAccount } from '../../ledger/queries/accounts.ts';
import { ensureHosts, listHosts } from '../../ledger/queries/hosts.ts';
import { listOpenMoves } from '../../ledger/queries/moves.ts';
import type { FleetView } from '../../planning/fleet/fleet-view.ts';
import type { FleetContext } from '../context.ts';
import { buildFleetView } from './build-fleet-view.ts';
import { type HostReading, knownReadings, readSamples } from './read-samples.ts';
import { recordStates } from './record-states.ts';

export interface ViewOptions {
  /** Samples older than this are refreshed over SSH; null: only what the ledger knows. */
  readonly maxAgeMs: number | null;
}

/** The fleet as the planner sees it, from the ledger and, where asked, from the agents. */
export async function readFleetView(
  context: FleetContext,
  options: ViewOptions,
): Promise<{ view: FleetView; readings: HostReading[]; accounts: PlacedAccount[] }> {
  const { inventory, ledger } = context;
  await ensureHosts(
    ledger.db,
    inventory.hosts.map(({ name }) => name),
  );
  const ready = new Set(
    (await listHosts(ledger.db))
      .filter(({ release, destroyed_at }) => release !== null && destroyed_at === null)
      .map(({ name }) => name),
  );
  const [asked, others] = [
    inventory.hosts.filter(({ name }) => ready.has(name)),
    inventory.hosts.filter(({ name }) => !ready.has(name)),
  ];
  const readings =
    options.maxAgeMs === null
      ? await knownReadings(context, asked)
      : await readSamples(context, asked, options.maxAgeMs);
  if (options.maxAgeMs !== null) await recordStates(context, readings);
  const accounts = await listAccounts(ledger.db);
  const arriving = new Map(
    (await listOpenMoves(ledger.db)).map(({ account, to_host }) => [account, to_host]),
  );
  const hosts = await listHosts(ledger.db);
  const all = [...readings, ...(await knownReadings(context, others))];
  return {
    view: buildFleetView({
      inventory,
      hosts,
      accounts,
      readings: all,
      arriving,
      nowMs: context.now(),
    }),
    readings: all,
    accounts,
  };
}
