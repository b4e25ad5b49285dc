import { FleetError } from '../../model/errors.ts';
import type { PlacementPolicy, Strategy } from '../../model/inventory.ts';
import type { AccountName, HostName } from '../../model/names.ts';
import { FlatFleet } from '../fleet/flat-fleet.ts';
import { type FleetView, strategyOf } from '../fleet/fleet-view.ts';
import { none } from '../fleet/index-keys.ts';
import { type HostRefusal, refusalAt } from '../fleet/refusals.ts';
import { planPlacement } from './placement.ts';
import type { RunnerUp } from './placement-plan.ts';

/** The answer to "why is this account not on that host?". */
export type WhyNot =
  | { readonly verdict: 'already-there'; readonly message: string }
  | { readonly verdict: 'refused'; readonly refusal: HostRefusal; readonly message: string }
  /**
   * No rule forbids it, another host is better. `better` is that host, `asked` how the host in
   * question compares.
   */
  | {
      readonly verdict: 'outranked';
      readonly strategy: Strategy;
      readonly better: HostName;
      readonly asked: RunnerUp;
      readonly message: string;
    }
  | { readonly verdict: 'best'; readonly strategy: Strategy; readonly message: string };

/**
 * Why the account is not, or would not be, on that host, judged as if it had no host now: the first
 * hard rule that refuses, or the
 * host that ranks better and by how much, or that this is the best host.
 *
 * @throws FleetError `placement` for an account or host that the view does not have.
 */
export function explainRefusal(
  view: FleetView,
  accountName: AccountName,
  hostName: HostName,
  policy: PlacementPolicy,
): WhyNot {
  const current = view.accounts.find(({ name }) => name === accountName);
  if (current === undefined) throw unknown('account', accountName);
  if (!view.hosts.some(({ name }) => name === hostName)) throw unknown('host', hostName);
  if (current.host === hostName)
    return { verdict: 'already-there', message: `${accountName} is on ${hostName}` };

  const homeless = { ...current, host: null };
  const accounts = view.accounts.map((account) => (account === current ? homeless : account));
  const lifted: FleetView = { ...view, accounts };
  const fleet = new FlatFleet(lifted, policy);
  const refusal = refusalAt(
    fleet,
    fleet.accountIndex.get(accountName) ?? none,
    fleet.hostIndex.get(hostName) ?? none,
  );
  if (refusal !== null) {
    return {
      verdict: 'refused',
      refusal,
      message: `${hostName} cannot take ${accountName}: ${refusal.message}`,
    };
  }
  return compare(lifted, accountName, hostName, policy, strategyOf(current, policy));
}

function compare(
  lifted: FleetView,
  account: AccountName,
  host: HostName,
  policy: PlacementPolicy,
  strategy: Strategy,
): WhyNot {
  const [decision] = planPlacement(lifted, [account], policy, { detail: 'each-host' }).placements;
  const asked = decision?.runnersUp.find((rival) => rival.host === host);
  if (decision === undefined || asked === undefined) {
    return {
      verdict: 'best',
      strategy,
      message: `${host} is the best host for ${account} (${strategy})`,
    };
  }
  const margin = asked.scoreBefore - decision.scoreBefore.total;
  const scores =
    margin > 0 ? `scores lower by ${margin.toFixed(1)}` : `ranks better by ${strategy}`;
  const message =
    `${host} is allowed, but ${decision.host} ${scores}: ${decision.reason}; ${host}: ` +
    `${asked.reason}`;
  return { verdict: 'outranked', strategy, better: decision.host, asked, message };
}

function unknown(kind: 'account' | 'host', name: string): FleetError {
  return new FleetError('placement', `there is no ${kind} ${name}`, {
    hint: `fleet ${kind}s list shows the known ones`,
  });
}
