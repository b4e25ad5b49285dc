import { FleetError } from '../../model/errors.ts';
import type { PlacementPolicy, Strategy } from '../../model/inventory.ts';
import type { AccountName, HostName } from '../../model/names.ts';
import { FlatFleet } from '../fleet/flat-fleet.ts';
import { type FleetView, strategyOf } from '../fleet/fleet-view.ts';
import { none } from '../fleet/index-keys.ts';
import type { Candidate } from './host-preference.ts';
import type { PlacementPlan } from './placement-plan.ts';
import { explainAssignment } from './placement-reasons.ts';
import { assignHosts } from './placer.ts';

export interface PlacementOptions {
  /** Goes before every account's own strategy. */
  readonly strategy?: Strategy;
  /**
   * `each-host` lists every other host with its refusal or its rank; `counts` only counts them.
   * Default: each host while
   * accounts × hosts is at most 100,000, so that a plan for a big fleet stays a plan and not a
   * gigabyte.
   */
  readonly detail?: 'each-host' | 'counts';
}

const eachHostLimit = 100_000;

/**
 * Chooses a host for each named account that has none or has to leave its host (draining, dead, or
 * not in the view). Hard rules first,
 * then the account's strategy, then the load score, then the host's name.
 *
 * @throws FleetError `placement` for a name that the view does not have or an account that may stay
 * where it is.
 */
export function planPlacement(
  view: FleetView,
  accountNames: readonly AccountName[],
  policy: PlacementPolicy,
  options: PlacementOptions = {},
): PlacementPlan {
  const fleet = new FlatFleet(view, policy);
  const candidates = toCandidates(fleet, accountNames, options.strategy);
  const spreadBefore = fleet.spread();
  const before = fleet.snapshot();
  const assignment = assignHosts(fleet, candidates);
  const spreadAfter = fleet.spread();
  fleet.restore(before);
  const detail =
    options.detail ??
    (candidates.length * view.hosts.length <= eachHostLimit ? 'each-host' : 'counts');
  const { placements, unplaced } = explainAssignment(fleet, candidates, assignment, detail);
  return { placements, unplaced, spreadBefore, spreadAfter };
}

/**
 * All accounts that have no host, or are on a dead or draining one, in the order of their names:
 * what allocate, failover and drain hand
 * over. An account on a host that the view does not have is not among them: who moves it has to
 * name it.
 */
export function accountsToPlace(view: FleetView): AccountName[] {
  const states = new Map(view.hosts.map((host) => [host.name, host.state]));
  const mustLeave = (host: HostName | null): boolean => {
    const state = host === null ? 'dead' : states.get(host);
    return state === 'dead' || state === 'draining';
  };
  return view.accounts.flatMap(({ host, name }) => (mustLeave(host) ? [name] : [])).sort();
}

function toCandidates(
  fleet: FlatFleet,
  names: readonly AccountName[],
  override: Strategy | undefined,
): Candidate[] {
  return [...new Set(names)].map((name) => {
    const account = fleet.accountIndex.get(name) ?? none;
    const accountView = fleet.accounts[account];
    if (accountView === undefined) {
      throw new FleetError('placement', `there is no account ${name} to place`, {
        hint: 'fleet accounts list shows the known ones',
        account: name,
      });
    }
    if (fleet.forced[account] === 0) {
      const details = {
        hint: 'drain the host or rebalance the fleet to move accounts that run',
        account: name,
      };
      throw new FleetError(
        'placement',
        `${name} is on ${accountView.host} and may stay there`,
        details,
      );
    }
    return { account, strategy: strategyOf(accountView, fleet.policy, override) };
  });
}
