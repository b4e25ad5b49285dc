import { listHosts } from '../../ledger/queries/hosts.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import { FleetError } from '../../model/errors.ts';
import { planAutoFailover } from '../../planning/advice/auto-failover.ts';
import type { FleetContext } from '../context.ts';
import type { SweptHost } from '../hosts/swept-host.ts';
import type { GrantOutcome } from '../ownership/grant-outcome.ts';
import { executeFailover, fenceHost, planFailover } from './failover.ts';

/** Where a sweep collects what became of accounts, and what could not be done. */
interface Collected {
  readonly grants: GrantOutcome[];
  readonly problems: FleetError[];
}

/**
 * Fails over what is down, one host after the other: switched off by its fence, verified, and tried
 * once more before anything starts elsewhere. Gives the
 * hosts for which that was done; what speaks against it goes to `problems`.
 */
export async function failOverDown(
  context: FleetContext,
  run: Run,
  swept: readonly SweptHost[],
  { grants, problems }: Collected,
): Promise<string[]> {
  const { inventory, ledger } = context;
  const off = new Set(
    (await listHosts(ledger.db)).filter(({ off_at }) => off_at !== null).map(({ name }) => name),
  );
  const facts = swept
    .filter(({ host, accounts }) => !off.has(host) || accounts > 0)
    .map(({ host, health, accounts }) => ({
      host,
      health,
      accounts,
      hasFence: hasFence(context, host),
    }));
  const { hosts, brake, unfenced } = planAutoFailover(facts, inventory.failover.maxHosts);
  if (brake !== null) {
    problems.push(
      new FleetError('fence', `no automatic failover: ${brake}`, {
        hint:
          'is it your own network? If not: fleet failover HOST --fence, host by host; ' +
          'failover.max_hosts is the limit',
      }),
    );
  }
  for (const host of unfenced) {
    const hint = `add a fence to the inventory, or say it yourself: fleet failover ${host} --powered-off`;
    problems.push(
      new FleetError('fence', `no automatic failover of ${host}: it has no fence`, { host, hint }),
    );
  }
  const done: string[] = [];
  for (const host of hosts) {
    try {
      const plan = await planFailover(context, host, 'fenced');
      await fenceHost(context, host);
      grants.push(...(await executeFailover(context, run, plan)));
      done.push(host);
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      problems.push(error);
    }
  }
  return done;
}

const hasFence = ({ inventory }: FleetContext, name: string): boolean =>
  inventory.hosts.some((host) => host.name === name && host.fence !== null);
