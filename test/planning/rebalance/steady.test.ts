/**
 * A rebalance that has done its work does nothing the next time, and what is only measured badly
 * moves nobody.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FleetView } from '../../../src/planning/fleet/fleet-view.ts';
import { dampen, undamped } from '../../../src/planning/rebalance/damper.ts';
import { planRebalance } from '../../../src/planning/rebalance/rebalance.ts';
import { randomFrom } from '../../simulator/simulation.ts';
import type { PlannedMove } from '../plan-rules.ts';
import { account, fleetOf, host, hostName, nowMs, policy } from '../sample-fleet.ts';

const minute = 60_000;

/** The fleet once the moves are made, and their accounts rest. */
function afterMoves(view: FleetView, moves: readonly PlannedMove[]): FleetView {
  const target = new Map(moves.map(({ account: name, to }) => [name as string, to]));
  const accounts = view.accounts.map((each) => {
    const to = target.get(each.name);
    return to === undefined ? each : { ...each, host: hostName(to), movedAtMs: view.nowMs };
  });
  return { ...view, accounts };
}

/** Fleets that are uneven, with room to move in. */
const uneven = fc
  .array(fc.array(fc.double({ min: 0.02, max: 0.5, noNaN: true }), { maxLength: 6 }), {
    minLength: 2,
    maxLength: 6,
  })
  .map((loads) =>
    fleetOf(
      loads.map((_, index) => host(`h${index}`, { maxAccounts: 8 })),
      loads.flatMap((cores, index) =>
        cores.map((cpuCores, count) => account(`h${index}-${count}`, `h${index}`, { cpuCores })),
      ),
    ),
  );

describe('a second rebalance', () => {
  it('is empty where the first one reached its target', () => {
    let planned = 0;
    fc.assert(
      fc.property(uneven, fc.constantFrom(8, 12, 20), (view, threshold) => {
        const first = planRebalance(view, { ...policy, threshold });
        if (first.verdict !== 'planned') return;
        planned += 1;
        expect(
          planRebalance(afterMoves(view, first.moves), { ...policy, threshold }).moves,
        ).toEqual([]);
      }),
      { numRuns: 150 },
    );
    expect(planned).toBeGreaterThan(20);
  });
});

/**
 * Ten hosts with two to four accounts each: a true spread of about 19 points, under the threshold
 * of 30.
 */
const hosts = Array.from({ length: 10 }, (_, index) => host(`h${index}`, { baseCpuCores: 0.2 }));
const calm = fleetOf(
  hosts,
  hosts.flatMap(({ name }, index) =>
    Array.from({ length: 2 + (index % 3) }, (_, count) => account(`${name}-${count}`, name)),
  ),
);

/** As measured: CPU of hosts and accounts off by up to `share` of it, each time anew. */
function measured(view: FleetView, share: number, random: () => number, atMs: number): FleetView {
  const off = (value: number): number => value * (1 + share * (2 * random() - 1));
  return {
    nowMs: atMs,
    hosts: view.hosts.map((each) => ({ ...each, baseCpuCores: off(each.baseCpuCores) })),
    accounts: view.accounts.map((each) => ({ ...each, cpuCores: off(each.cpuCores) })),
  };
}

/** Bursts: now and then a host seems to be busy with something else. */
function bursting(view: FleetView, random: () => number): FleetView {
  return {
    ...view,
    hosts: view.hosts.map((each) =>
      random() < 0.02 ? { ...each, baseCpuCores: each.cpuCores } : each,
    ),
  };
}

describe('noisy samples', () => {
  it.each([1, 2, 3])('for 1,000 sweeps, every five minutes: nothing flaps (seed %i)', (seed) => {
    const random = randomFrom(seed);
    let [view, state] = [calm, undamped];
    let [moved, believed] = [0, 0];
    for (let sweep = 0; sweep < 1_000; sweep += 1) {
      const seen = bursting(measured(view, 0.6, random, nowMs + sweep * 5 * minute), random);
      believed += planRebalance(seen, policy).moves.length;
      const damped = dampen(state, seen, policy);
      state = damped.state;
      if (damped.verdict !== 'act') continue;
      const plan = planRebalance(damped.view, policy);
      moved += plan.moves.length;
      view = afterMoves(view, plan.moves);
    }
    expect(moved).toBe(0);
    // Without damping they would have moved accounts, so the test can fail.
    expect(believed).toBeGreaterThan(20);
  });
});
