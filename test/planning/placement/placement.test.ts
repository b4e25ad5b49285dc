import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PlacementPolicy, Strategy } from '../../../src/model/inventory.ts';
import type { AccountView, FleetView } from '../../../src/planning/fleet/fleet-view.ts';
import { accountsToPlace, planPlacement } from '../../../src/planning/placement/placement.ts';
import { brokenRules, refusalsOf } from '../plan-rules.ts';
import {
  account,
  accountName,
  fleetArbitrary,
  fleetOf,
  host,
  hostName,
  place,
  policy,
} from '../sample-fleet.ts';

const amsterdam = place('ams', 52.37, 4.9, 'NL');
const frankfurt = place('fra', 50.11, 8.68, 'DE');
const newYork = place('nyc', 40.71, -74.01, 'US');

function hostsChosen(view: FleetView, strategy?: Strategy): Record<string, string> {
  const plan = planPlacement(
    view,
    accountsToPlace(view),
    policy,
    strategy === undefined ? {} : { strategy },
  );
  return Object.fromEntries(plan.placements.map((decision) => [decision.account, decision.host]));
}

describe('strategies', () => {
  const check = (strategy: Strategy, view: FleetView, expected: Record<string, string>) => {
    expect(hostsChosen(view, strategy)).toEqual(expected);
  };

  it('load takes the lowest score, ties by name', () => {
    check(
      'load',
      fleetOf([host('b'), host('a'), host('c', { diskUsedRatio: 0.5 })], [account('x')]),
      { x: 'a' },
    );
    check('load', fleetOf([host('a', { diskUsedRatio: 0.9 }), host('b')], [account('x')]), {
      x: 'b',
    });
  });

  it('even takes the host with the fewest accounts, whatever it weighs', () => {
    const hosts = [host('a'), host('b', { diskUsedRatio: 1 })];
    check('even', fleetOf(hosts, [account('r1', 'a'), account('x')]), { x: 'b' });
    check('even', fleetOf(hosts, [account('x'), account('y')]), { x: 'a', y: 'b' });
  });

  it('location spreads accounts of no place by their load, wherever the hosts are', () => {
    const places = [frankfurt, newYork, amsterdam];
    const hosts = ['a', 'b', 'c'].map((name, index) =>
      host(name, { location: places[index] ?? null, maxAccounts: 9 }),
    );
    const accounts = Array.from({ length: 9 }, (_, index) => account(`x${index}`));
    const chosen = Object.values(hostsChosen(fleetOf(hosts, accounts), 'location'));
    expect(['a', 'b', 'c'].map((name) => chosen.filter((on) => on === name).length)).toEqual([
      3, 3, 3,
    ]);
  });

  it('location takes the nearest, then the lower score; hosts of unknown place come last', () => {
    const hosts = [
      host('a', { location: newYork }),
      host('b', { location: frankfurt, diskUsedRatio: 1 }),
      host('c'),
    ];
    check('location', fleetOf(hosts, [account('x', null, { location: amsterdam })]), { x: 'b' });
    check(
      'location',
      fleetOf([host('a', { latencyMs: 80 }), host('b', { latencyMs: 9 })], [account('x')]),
      { x: 'b' },
    );
  });

  it('affinity takes a host that runs the script, else the one with most room for it', () => {
    const scripted = (name: string, on: string | null = null): AccountView =>
      account(name, on, { script: 's' });
    check('affinity', fleetOf([host('a'), host('b')], [scripted('r', 'b'), scripted('x')]), {
      x: 'b',
    });
    const roomy = fleetOf(
      [host('a', { maxAccounts: 2 }), host('b', { maxAccounts: 4, diskUsedRatio: 1 })],
      [scripted('x'), scripted('y'), scripted('z')],
    );
    check('affinity', roomy, { x: 'b', y: 'b', z: 'b' });
  });

  it('isolation spreads a group over zones, then hosts, then by score', () => {
    const hosts = [
      host('a', { zone: 'z1' }),
      host('b', { zone: 'z1' }),
      host('c', { zone: 'z2', diskUsedRatio: 1 }),
    ];
    const member = (name: string, on: string | null = null): AccountView =>
      account(name, on, { group: 'g' });
    check('isolation', fleetOf(hosts, [member('r', 'a'), member('x')]), { x: 'c' });
    check(
      'isolation',
      fleetOf(hosts, [member('r1', 'a'), member('r2', 'c'), member('r3', 'c'), member('x')]),
      { x: 'b' },
    );
  });

  it('goes by override, account, label, policy, in that order', () => {
    const hosts = [host('a', { latencyMs: 50 }), host('b', { latencyMs: 5, diskUsedRatio: 1 })];
    const labelled = account('x', null, { labels: { tier: 'near' } });
    const byLabel: PlacementPolicy = {
      ...policy,
      strategyByLabel: [{ label: 'tier=near', strategy: 'location' }],
    };
    const chosenBy = (who: AccountView, rules = byLabel, options = {}) =>
      planPlacement(fleetOf(hosts, [who]), [who.name], rules, options).placements[0];
    expect(chosenBy(labelled)).toMatchObject({ host: 'b', strategy: 'location' });
    expect(chosenBy(labelled, policy)).toMatchObject({ host: 'a', strategy: 'load' });
    expect(chosenBy({ ...labelled, strategy: 'even' })).toMatchObject({
      host: 'a',
      strategy: 'even',
    });
    expect(
      chosenBy({ ...labelled, strategy: 'even' }, byLabel, { strategy: 'location' }),
    ).toMatchObject({
      host: 'b',
      strategy: 'location',
    });
  });
});

describe('refusals', () => {
  const mebibyte = 2 ** 20;
  const cases: [string, FleetView, string, string][] = [
    [
      'full',
      fleetOf([host('h', { maxAccounts: 1 })], [account('r', 'h'), account('x')]),
      'full',
      '1 of 1 slots used',
    ],
    [
      'memory',
      fleetOf(
        [host('h', { memoryBytes: 1000 * mebibyte })],
        [account('r', 'h', { memoryBytes: 850 * mebibyte }), account('x')],
      ),
      'memory',
      'needs 100 MiB, has 50 MiB left (850 MiB used of 900 MiB, 90 % of 1000 MiB)',
    ],
    [
      'cordon',
      fleetOf([host('h', { state: 'cordoned', stateReason: 'kernel update' })], [account('x')]),
      'cordoned',
      'host is cordoned: kernel update',
    ],
    [
      'health',
      fleetOf([host('h', { state: 'unhealthy' })], [account('x')]),
      'unhealthy',
      'host is unhealthy',
    ],
    [
      'init',
      fleetOf([host('h', { state: 'not-ready' })], [account('x')]),
      'not-ready',
      'host is not ready',
    ],
    [
      'drain',
      fleetOf([host('h', { state: 'draining' })], [account('x')]),
      'draining',
      'host is draining',
    ],
    ['death', fleetOf([host('h', { state: 'dead' })], [account('x')]), 'dead', 'host is dead'],
    [
      'zone',
      fleetOf(
        [host('h', { zone: 'z1', location: newYork })],
        [account('x', null, { allowedZones: ['z2', 'DE'] })],
      ),
      'zone',
      'h is in z1, US; x may only run in z2, DE',
    ],
    [
      'pin',
      fleetOf([host('h')], [account('x', null, { pinnedTo: hostName('other') })]),
      'pinned',
      'x is pinned to other',
    ],
    [
      'anti-affinity',
      fleetOf(
        [host('h')],
        [
          account('r', 'h', { labels: { 'anti-affinity': 'k' } }),
          account('x', null, { labels: { 'anti-affinity': 'k' } }),
        ],
      ),
      'anti-affinity',
      'runs r, which shares anti-affinity=k',
    ],
  ];
  it.each(cases)('%s', (_, view, code, message) => {
    const plan = planPlacement(view, [accountName('x')], policy);
    expect(plan.placements).toEqual([]);
    expect(plan.unplaced[0]?.refusals).toEqual([{ host: 'h', code, message }]);
  });

  it('counts them in one line', () => {
    const hosts = [
      host('a', { maxAccounts: 0 }),
      host('b', { maxAccounts: 0 }),
      host('c', { zone: 'z1' }),
    ];
    const who = account('x', null, { allowedZones: ['z9'] });
    const rest = { ...policy };
    expect(
      planPlacement(fleetOf(hosts, [{ ...who, allowedZones: [] }]), [who.name], rest).unplaced,
    ).toEqual([]);
    expect(planPlacement(fleetOf(hosts, [who]), [who.name], rest).unplaced[0]?.reason).toBe(
      'no host takes x: 3 wrong zone',
    );
    const full = fleetOf([...hosts.slice(0, 2), host('c', { state: 'cordoned' })], [account('x')]);
    expect(planPlacement(full, [who.name], rest).unplaced[0]?.reason).toBe(
      'no host takes x: 2 full, 1 cordoned',
    );
  });

  it('names unknown accounts and accounts that may stay', () => {
    const view = fleetOf([host('h')], [account('x', 'h')]);
    expect(() => planPlacement(view, [accountName('nobody')], policy)).toThrow(
      'there is no account nobody to place',
    );
    expect(() => planPlacement(view, [accountName('x')], policy)).toThrow(
      'x is on h and may stay there',
    );
  });
});

describe('a decision', () => {
  const hosts = [host('a'), host('b', { diskUsedRatio: 0.5 }), host('c', { state: 'cordoned' })];
  const [decision] = planPlacement(
    fleetOf(hosts, [account('x')]),
    [accountName('x')],
    policy,
  ).placements;

  it('carries the score in parts, before and after', () => {
    expect(decision?.scoreBefore.total).toBe(0);
    expect(decision?.scoreAfter.parts.cpu).toBeCloseTo(1.5);
    expect(decision?.scoreAfter.parts.slots).toBeCloseTo(6);
    expect(decision?.reason).toBe('lowest load score; score 0.0 -> 9.0');
  });

  it('does not call a host the lowest when a lower one would become the peak', () => {
    const mixed = [
      host('big', { cpuCores: 8, memoryBytes: 16 * 2 ** 30, maxAccounts: 24, diskUsedRatio: 0.2 }),
      host('small', { cpuCores: 1 }),
    ];
    const heavy = account('x', null, { cpuCores: 0.8 });
    const [chosen] = planPlacement(fleetOf(mixed, [heavy]), [heavy.name], policy).placements;
    expect(chosen).toMatchObject({
      host: 'big',
      runnersUp: [{ host: 'small', reason: 'scores lower now, but would end 25.0 higher' }],
    });
    expect(chosen?.reason).toBe(
      'lowest load score among hosts that do not become the peak; score 2.0 -> 6.4',
    );
  });

  it('says less about a fleet too big to say it host by host, and nothing that is not so', () => {
    const [brief] = planPlacement(fleetOf(hosts, [account('x')]), [accountName('x')], policy, {
      detail: 'counts',
    }).placements;
    expect(brief).toMatchObject({
      host: 'a',
      reason: 'balances the batch; score 0.0 -> 9.0',
      runnersUp: [],
      refusals: [],
    });
  });

  it('says why the others lost', () => {
    expect(decision?.runnersUp).toMatchObject([
      { host: 'b', scoreBefore: 5, reason: 'scores 5.0, 5.0 more' },
    ]);
    expect(decision?.refusals).toEqual([
      { host: 'c', code: 'cordoned', message: 'host is cordoned' },
    ]);
  });
});

describe('any fleet', () => {
  const planAll = (view: FleetView) => planPlacement(view, accountsToPlace(view), policy);
  const movesOf = (view: FleetView) =>
    planAll(view).placements.map(({ account: name, from, host: to }) => ({
      account: name,
      from,
      to,
    }));

  it('breaks no hard rule', () => {
    fc.assert(
      fc.property(fleetArbitrary(), (view) => {
        expect(brokenRules(view, policy, movesOf(view), 0)).toEqual([]);
      }),
    );
  });

  it('accounts for every account once, and leaves nobody out whom a host would take', () => {
    fc.assert(
      fc.property(fleetArbitrary(), (view) => {
        const plan = planAll(view);
        const named = [...plan.placements, ...plan.unplaced].map((entry) => entry.account);
        expect(named.sort()).toEqual(accountsToPlace(view));
        const where = new Map<string, string | null>(
          view.accounts.map(({ name, host: on }) => [name, on]),
        );
        for (const placement of plan.placements) where.set(placement.account, placement.host);
        for (const { account: name } of plan.unplaced) {
          const who = view.accounts.find((candidate) => candidate.name === name) as AccountView;
          const takers = view.hosts.filter((target) => {
            const residents = view.accounts.filter(
              (other) => other.name !== name && where.get(other.name) === target.name,
            );
            return refusalsOf(who, target, residents, policy).length === 0;
          });
          expect(takers).toEqual([]);
        }
      }),
    );
  });

  it('gives the same plan whatever the order of the input', () => {
    fc.assert(
      fc.property(fleetArbitrary(), fc.infiniteStream(fc.nat()), (view, numbers) => {
        const shuffled = <T>(items: readonly T[]): T[] => {
          const keyed = items.map((item) => ({ item, key: numbers.next().value as number }));
          return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
        };
        const other = { ...view, hosts: shuffled(view.hosts), accounts: shuffled(view.accounts) };
        expect(planPlacement(other, shuffled(accountsToPlace(view)), policy)).toEqual(
          planAll(view),
        );
      }),
    );
  });

  it('names each other host once: as a runner-up or with its refusal; and survives JSON', () => {
    fc.assert(
      fc.property(fleetArbitrary(), (view) => {
        const plan = planAll(view);
        for (const { host: chosen, runnersUp, refusals } of plan.placements) {
          const named = [
            chosen,
            ...runnersUp.map((rival) => rival.host),
            ...refusals.map((refusal) => refusal.host),
          ];
          expect(named.sort()).toEqual(view.hosts.map(({ name }) => name).sort());
        }
        expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
      }),
    );
  });
});
