import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlatFleet } from '../../../src/planning/fleet/flat-fleet.ts';
import { compileMovableLists } from '../../../src/planning/fleet/movable-lists.ts';
import { MoveBound } from '../../../src/planning/fleet/move-bound.ts';
import { accountsToPlace, planPlacement } from '../../../src/planning/placement/placement.ts';
import { pourLevel } from '../../../src/planning/placement/pour-level.ts';
import { ShapeHeaps } from '../../../src/planning/placement/shape-heaps.ts';
import {
  account,
  accountName,
  fleetArbitrary,
  fleetOf,
  host,
  place,
  policy,
} from '../sample-fleet.ts';

describe('ShapeHeaps', () => {
  it('finds among its tops the lowest host that accepts the account, while the fleet fills', () => {
    fc.assert(
      fc.property(fleetArbitrary(), (view) => {
        const fleet = new FlatFleet(view, policy);
        const heaps = new ShapeHeaps(fleet, true);
        for (const name of accountsToPlace(view)) {
          const index = fleet.accountIndex.get(name) ?? -1;
          if (fleet.accounts[index]?.pinnedTo !== null) continue;
          const takers = fleet.upHosts().filter((target) => fleet.accepts(index, target));
          const scores = (hosts: readonly number[]): number =>
            Math.min(...hosts.map((target) => fleet.score[target] ?? 0));
          const tops = heaps.lowestOfEachShape(index, []);
          expect(scores(tops)).toBe(scores(takers));
          if (tops[0] !== undefined) fleet.move(index, tops[0]);
        }
      }),
    );
  });
});

describe('a batch', () => {
  it('ends more even than one account after the other', () => {
    const hosts = ['a', 'b', 'c', 'd'].map((name) => host(name, { maxAccounts: 6 }));
    const demands = [1.2, 1.1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.2, 0.1];
    const accounts = demands.map((cpuCores, index) =>
      account(`x${String(index).padStart(2, '0')}`, null, { cpuCores }),
    );
    const together = planPlacement(
      fleetOf(hosts, accounts),
      accountsToPlace(fleetOf(hosts, accounts)),
      policy,
    );
    let view = fleetOf(hosts, accounts);
    for (const { name } of accounts.toReversed()) {
      const chosen = planPlacement(view, [name], policy).placements[0]?.host ?? null;
      view = fleetOf(
        hosts,
        view.accounts.map((who) => (who.name === name ? { ...who, host: chosen } : who)),
      );
    }
    expect(together.spreadAfter).toBeLessThan(new FlatFleet(view, policy).spread());
    expect(together.spreadAfter).toBeLessThan(3);
  });

  it('changes places where two accounts are nearer to their hosts then', () => {
    const hosts = [
      host('ams', { maxAccounts: 1, location: place('ams', 52.4, 4.9) }),
      host('nyc', { maxAccounts: 1, location: place('nyc', 40.7, -74) }),
    ];
    // The first by name is nearest to Amsterdam too, but only a little; the second has an ocean to
    // cross.
    const accounts = [
      account('a', null, { location: place('azores', 38, -28) }),
      account('b', null, { location: place('berlin', 52.5, 13.4) }),
    ];
    const plan = planPlacement(
      fleetOf(hosts, accounts),
      accountsToPlace(fleetOf(hosts, accounts)),
      policy,
      { strategy: 'location' },
    );
    expect(
      Object.fromEntries(plan.placements.map((decision) => [decision.account, decision.host])),
    ).toEqual({ a: 'nyc', b: 'ams' });
    expect(plan.placements[0]?.reason).toBe('nearer for the batch as a whole; score 0.0 -> 33.0');
  });

  it('places the many light ones where heavy ones would leave more behind', () => {
    const mebibyte = 2 ** 20;
    const one = [host('a', { memoryBytes: 1000 * mebibyte })];
    const accounts = [600, 300, 300, 250].map((size, index) =>
      account(`x${index}`, null, { memoryBytes: size * mebibyte }),
    );
    const plan = planPlacement(
      fleetOf(one, accounts),
      accounts.map(({ name }) => name),
      policy,
    );
    expect(plan.unplaced.map((left) => left.account)).toEqual([accountName('x0')]);
  });
});

describe('pourLevel', () => {
  it('never exceeds the peak of an actual placement', () => {
    fc.assert(
      fc.property(fleetArbitrary(), (view) => {
        const fleet = new FlatFleet(view, policy);
        const plan = planPlacement(view, accountsToPlace(view), policy);
        const placed = plan.placements.map(
          (decision) => fleet.accountIndex.get(decision.account) ?? -1,
        );
        const level = pourLevel(fleet, placed);
        for (const decision of plan.placements)
          fleet.move(
            fleet.accountIndex.get(decision.account) ?? -1,
            fleet.hostIndex.get(decision.host) ?? -1,
          );
        const peak = Math.max(0, ...fleet.upHosts().map((target) => fleet.score[target] ?? 0));
        expect(level).toBeLessThanOrEqual(peak + 1e-6);
      }),
    );
  });
});

describe('MoveBound', () => {
  it('falls as the window widens, and is 0 at the spread that there is', () => {
    fc.assert(
      fc.property(fleetArbitrary(), (view) => {
        const fleet = new FlatFleet(view, policy);
        const bound = new MoveBound(fleet, compileMovableLists(fleet));
        const bounds = [0, 5, 15, 30, 60].map((width) => bound.forWidth(width).moves);
        expect(bounds).toEqual(bounds.toSorted((a, b) => b - a));
        expect(bound.forWidth(fleet.spread() + 1e-6).moves).toBe(0);
      }),
    );
  });
});

describe('FlatFleet', () => {
  it('is to the last bit what it was after any moves were restored', () => {
    fc.assert(
      fc.property(fleetArbitrary(), fc.array(fc.tuple(fc.nat(), fc.nat())), (view, moves) => {
        const fleet = new FlatFleet(view, policy);
        const [before, residents] = [
          fleet.snapshot(),
          fleet.hosts.map((_, index) => fleet.residents(index)),
        ];
        if (view.accounts.length === 0) return;
        for (const [who, where] of moves)
          fleet.move(who % view.accounts.length, where % view.hosts.length);
        fleet.restore(before);
        expect(fleet.snapshot()).toEqual(before);
        expect(fleet.hosts.map((_, index) => fleet.residents(index))).toEqual(residents);
      }),
    );
  });
});

describe('by location, accounts that have none', () => {
  const ten = Array.from({ length: 10 }, (_, index) => account(`a${index}`));
  const spreadOver = (hosts: ReturnType<typeof host>[]): Record<string, number> => {
    const plan = planPlacement(fleetOf(hosts, ten), accountsToPlace(fleetOf(hosts, ten)), policy, {
      strategy: 'location',
    });
    const counts: Record<string, number> = {};
    for (const { host: name } of plan.placements) counts[name] = (counts[name] ?? 0) + 1;
    return counts;
  };
  const room = { maxAccounts: 20 };

  it('are spread by load over the hosts that answer about as fast', () => {
    const near = [
      host('a', { ...room, latencyMs: 9.1 }),
      host('b', { ...room, latencyMs: 9.7 }),
      host('c', { ...room, latencyMs: 24 }),
    ];
    expect(spreadOver([...near, host('far', { ...room, latencyMs: 180 })])).toEqual({
      a: 4,
      b: 3,
      c: 3,
    });
  });

  it('and over all where nobody was measured', () => {
    expect(spreadOver([host('a', room), host('b', room)])).toEqual({ a: 5, b: 5 });
  });

  it('like those of one place over the hosts of that place', () => {
    const paris = place('paris', 48.9, 2.4);
    const hosts = [
      host('a', { ...room, location: paris }),
      host('b', { ...room, location: paris }),
      host('c', { ...room, location: place('rome', 41.9, 12.5) }),
    ];
    const there = ten.map((each) => ({ ...each, location: paris }));
    const plan = planPlacement(
      fleetOf(hosts, there),
      accountsToPlace(fleetOf(hosts, there)),
      policy,
      { strategy: 'location' },
    );
    expect(
      ['a', 'b', 'c'].map(
        (name) => plan.placements.filter(({ host: chosen }) => chosen === name).length,
      ),
    ).toEqual([5, 5, 0]);
  });
});
