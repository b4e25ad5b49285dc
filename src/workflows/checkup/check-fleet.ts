import {
  type AcceptanceCheck,
  type AcceptanceStage,
  checkEachAccount,
  checkEachHost,
  checkLoad,
  sentences,
} from '../../facts/acceptance.ts';
import { listHosts } from '../../ledger/queries/hosts.ts';
import { readHistory } from '../../ledger/queries/records.ts';
import { counted } from '../../model/counted.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { supposeThat } from '../../planning/advice/what-if.ts';
import type { FleetContext } from '../context.ts';
import { readFleetView } from '../hosts/read-fleet-view.ts';
import type { FleetWatch } from '../trials/watch-fleet.ts';

/** Decisions that are looked through for a real move. */
const historyRead = 1_000;

/**
 * The staged acceptance on the operator's own fleet: each host, each account, host to host, load.
 * Only looks: it moves nothing and says nothing
 * in any group. `loadMs`: how long the load is watched. A stage that has failed does not hold back
 * the next.
 */
export async function checkFleet(
  context: FleetContext,
  hosts: readonly HostSpec[],
  watch: FleetWatch,
  stages: readonly AcceptanceStage[],
  loadMs: number,
): Promise<AcceptanceCheck[]> {
  const { db } = context.ledger;
  context.report({
    kind: 'phase',
    text: `looking at ${counted(hosts.length, 'host')} and their accounts`,
  });
  const first = await watch.look();
  const checks: AcceptanceCheck[] = [];
  if (stages.includes('host')) {
    const releases = new Map<string, string | null>(
      (await listHosts(db)).map(({ name, release }) => [name, release]),
    );
    checks.push(...checkEachHost(first, releases, context.inventory.hold.requireClockSync));
  }
  if (stages.includes('accounts')) checks.push(...checkEachAccount(first));
  if (stages.includes('hosts'))
    checks.push(...(await checkHostToHost(context, hosts)), await checkRealMove(context));
  if (stages.includes('load') && hosts.length > 0 && !context.signal.aborted) {
    context.report({ kind: 'phase', text: `watching the load for ${Math.round(loadMs / 1000)} s` });
    await context.pause(loadMs, context.signal);
    if (!context.signal.aborted) checks.push(...checkLoad(first, await watch.look()));
  }
  return checks;
}

/**
 * Whether every host may be lost: the others have room for its accounts, by the planner that a
 * failover would ask.
 */
async function checkHostToHost(
  context: FleetContext,
  hosts: readonly HostSpec[],
): Promise<AcceptanceCheck[]> {
  const { view, accounts } = await readFleetView(context, {
    maxAgeMs: context.inventory.placement.sampleMaxAgeMs,
  });
  const known = new Set<string>(view.hosts.map(({ name }) => name));
  return hosts
    .filter(({ name }) => known.has(name))
    .map(({ name }) => {
      const say = sentences('hosts', name);
      const mine = accounts.filter(({ host }) => host === name).length;
      if (mine === 0)
        return say.open(
          'it has no accounts that could move',
          `fleet allocate --all, or leave ${name} as a reserve`,
        );
      const nothing = {
        addedHosts: 0,
        hostsLike: null,
        addedAccounts: 0,
        accountsLike: null,
        scale: 1,
        rebalances: false,
      };
      const { placement } = supposeThat(view, context.inventory.placement, {
        ...nothing,
        lostHosts: [name],
      });
      if (placement.unplaced.length === 0)
        return say.passed(`the other hosts have room for its ${mine} accounts`);
      const remedy = `fleet simulate --lose ${name} says why; add a host, or raise max_accounts`;
      return say.failed(
        `${placement.unplaced.length} of its ${mine} accounts would have no host if it were lost`,
        remedy,
      );
    });
}

async function checkRealMove({ ledger, inventory }: FleetContext): Promise<AcceptanceCheck> {
  const say = sentences('hosts', inventory.fleet);
  const history = await readHistory(ledger.db, { limit: historyRead });
  const move = history.find(({ from_host, host }) => from_host !== null && from_host !== host);
  if (move !== undefined) {
    const at = new Date(move.at).toISOString().slice(0, 10);
    return say.passed(`${move.account} moved from ${move.from_host} to ${move.host} on ${at}`);
  }
  return say.open(
    'no account has moved yet',
    'fleet move ACCOUNT HOST shows one; it changes the address that Telegram sees',
  );
}
