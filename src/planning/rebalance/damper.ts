import type { PlacementPolicy, RebalancePolicy } from '../../model/inventory.ts';
import { FlatFleet } from '../fleet/flat-fleet.ts';
import type { FleetView } from '../fleet/fleet-view.ts';
import { points } from '../placement/preference-words.ts';

/** How slowly the fleet reacts to what it measures. */
type Damping = Pick<RebalancePolicy, 'halfLifeMs' | 'patience' | 'restMs'>;

/**
 * Chosen by simulating a week of noisy readings every five minutes: no needless move in calm and
 * spiky fleets, a real shift of load
 * balanced in under two hours.
 */
export const defaultDamping: Damping = {
  halfLifeMs: 30 * 60_000,
  patience: 3,
  restMs: 30 * 60_000,
};

/** A figure pair that is smoothed together: of an account, or of a host's own use. */
interface Smoothed {
  readonly cpuCores: number;
  readonly memoryBytes: number;
}

/** What the damper remembers between evaluations. JSON-able; start with {@link undamped}. */
export interface DamperState {
  /** When it was last fed, ms since 1970; null: never. */
  readonly atMs: number | null;
  /** By name: of hosts their own use, of accounts their demand. */
  readonly hosts: Readonly<Record<string, Smoothed>>;
  readonly accounts: Readonly<Record<string, Smoothed>>;
  /** Evaluations in a row over the threshold. */
  readonly badReadings: number;
  /** No voluntary moves before, ms since 1970; null: no rest. */
  readonly restUntilMs: number | null;
}

export const undamped: DamperState = {
  atMs: null,
  hosts: {},
  accounts: {},
  badReadings: 0,
  restUntilMs: null,
};

/** What to do about one evaluation, and the view to do it with. */
export interface Damped {
  readonly state: DamperState;
  /**
   * The fleet with smoothed figures; memory is the larger of smoothed and measured, so that a limit
   * is never passed on an average.
   */
  readonly view: FleetView;
  /** `act`: rebalance `view` now. The other three: leave the fleet alone. */
  readonly verdict: 'calm' | 'wait' | 'rest' | 'act';
  readonly reason: string;
}

/**
 * Feeds one evaluation of the fleet to the damper. Only rebalances ask it for leave: failover and
 * drain act at once and use its view
 * at most for its smoothed figures. `act` starts the rest, so a caller who then does not act has to
 * keep the old state.
 */
export function dampen(
  state: DamperState,
  view: FleetView,
  policy: PlacementPolicy,
  damping: Damping = defaultDamping,
): Damped {
  const smoothed = smooth(state, view, damping);
  const spread = new FlatFleet(smoothed.view, policy).spread();
  const isBad = spread > policy.threshold;
  const badReadings = isBad ? state.badReadings + 1 : 0;
  const next = { ...smoothed.state, badReadings, restUntilMs: state.restUntilMs };
  const seen = `smoothed spread ${points(spread)}, threshold ${points(policy.threshold)}`;
  if (!isBad) return { state: next, view: smoothed.view, verdict: 'calm', reason: seen };
  if (state.restUntilMs !== null && view.nowMs < state.restUntilMs) {
    const minutes = Math.ceil((state.restUntilMs - view.nowMs) / 60_000);
    return {
      state: next,
      view: smoothed.view,
      verdict: 'rest',
      reason: `${seen}; resting ${minutes} min more after the last moves`,
    };
  }
  if (badReadings < damping.patience) {
    return {
      state: next,
      view: smoothed.view,
      verdict: 'wait',
      reason: `${seen}; ${badReadings} of ${damping.patience} evaluations in a row`,
    };
  }
  const acted = { ...next, badReadings: 0, restUntilMs: view.nowMs + damping.restMs };
  return {
    state: acted,
    view: smoothed.view,
    verdict: 'act',
    reason: `${seen}; ${badReadings} evaluations in a row`,
  };
}

function smooth(state: DamperState, view: FleetView, { halfLifeMs }: Damping) {
  const elapsedMs = state.atMs === null ? 0 : Math.max(0, view.nowMs - state.atMs);
  const keep = 0.5 ** (elapsedMs / halfLifeMs);
  const blend = (before: Smoothed | undefined, cpuCores: number, memoryBytes: number): Smoothed =>
    before === undefined
      ? { cpuCores, memoryBytes }
      : {
          cpuCores: keep * before.cpuCores + (1 - keep) * cpuCores,
          memoryBytes: keep * before.memoryBytes + (1 - keep) * memoryBytes,
        };

  const hosts: Record<string, Smoothed> = {};
  const accounts: Record<string, Smoothed> = {};
  const smoothedHosts = view.hosts.map((host) => {
    const figures = blend(state.hosts[host.name], host.baseCpuCores, host.baseMemoryBytes);
    hosts[host.name] = figures;
    return {
      ...host,
      baseCpuCores: figures.cpuCores,
      baseMemoryBytes: Math.max(figures.memoryBytes, host.baseMemoryBytes),
    };
  });
  const smoothedAccounts = view.accounts.map((account) => {
    const figures = blend(state.accounts[account.name], account.cpuCores, account.memoryBytes);
    accounts[account.name] = figures;
    return {
      ...account,
      cpuCores: figures.cpuCores,
      memoryBytes: Math.max(figures.memoryBytes, account.memoryBytes),
    };
  });
  return {
    state: { atMs: view.nowMs, hosts, accounts },
    view: { ...view, hosts: smoothedHosts, accounts: smoothedAccounts },
  };
}
