import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AccountView, FleetView } from '../../../src/planning/fleet/fleet-view.ts';
import { rankHosts } from '../../../src/planning/fleet/ranking.ts';
import { planRebalance } from '../../../src/planning/rebalance/rebalance.ts';
import { brokenRules, type PlannedMove, refusalsOf } from '../plan-rules.ts';
import {
  account,
  fleetArbitrary,
  fleetOf,
  host,
  hostName,
  nowMs,
  policy,
} from '../sample-fleet.ts';

const strict = { ...policy, threshold: 15 };

/** `count` accounts on one host; each weighs about nine points on a default host. */
const crowd = (on: string, count: number, changes: Partial<AccountView> = {}): AccountView[] =>
  Array.from({ length: count }, (_, index) => account(`${on}-${index}`, on, changes));

const movesOf = (plan: { readonly moves: readonly PlannedMove[] }): string[] =>
  plan.moves.map((move) => `${move.account}: ${move.from} > ${move.to}`);

function spreadAfter(view: FleetView, moves: readonly PlannedMove[]): number {
  const target = new Map(moves.map((move) => [move.account, move.to]));
  const accounts = view.accounts.map((who) => ({
    ...who,
    host: hostName(target.get(who.name) ?? who.host ?? '') || null,
  }));
  const scores = rankHosts({ ...view, accounts }, policy).flatMap(({ state, score }) =>
    state === 'up' ? [score.total] : [],
  );
  return scores.length === 0 ? 0 : Math.max(...scores) - Math.min(...scores);
}

describe('planRebalance', () => {
  it('leaves a fleet alone whose spread is not over the threshold', () => {
    const plan = planRebalance(fleetOf([host('a'), host('b')], crowd('a', 3)), policy);
    expect(plan).toMatchObject({
      verdict: 'balanced',
      moves: [],
      lowerBound: 0,
      summary: 'nothing to do: the spread is 26.9, the threshold 30.0',
    });
  });

  it('moves as few as the bound says and explains each', () => {
    const plan = planRebalance(fleetOf([host('a'), host('b')], crowd('a', 5)), policy);
    expect(plan).toMatchObject({ verdict: 'planned', lowerBound: 1 });
    expect(movesOf(plan)).toEqual(['a-0: a > b']);
    expect(plan.moves[0]?.reason).toBe('a is 44.8 points above b: 44.8 -> 35.9 and 0.0 -> 9.0');
    expect(plan.summary).toBe(
      '1 move brings the spread from 44.8 to 26.9; no plan can do it in fewer than 1',
    );
  });

  it('aims below the threshold, so that the next reading does not start it again', () => {
    const hosts = [host('a', { maxAccounts: 8 }), host('b', { maxAccounts: 8 })];
    const plan = planRebalance(fleetOf(hosts, crowd('a', 8)), { ...policy, threshold: 27 });
    expect(plan.targetSpread).toBe(25);
    expect(plan.spreadAfter).toBeLessThanOrEqual(25);
  });

  it('takes the best spread that the cap allows and says what is missing', () => {
    const plan = planRebalance(
      fleetOf([host('a', { maxAccounts: 10 }), host('b')], crowd('a', 10)),
      strict,
      { maxMoves: 1 },
    );
    expect(plan).toMatchObject({ verdict: 'partial', lowerBound: 4 });
    expect(plan.moves).toHaveLength(1);
    expect(plan.summary).toMatch(
      /^1 move brings the spread from .* not to 13.0: that takes at least 4 moves, 1 are allowed$/,
    );
  });

  it('fills the coldest where the hottest may not give (stuck)', () => {
    const hosts = [host('hot'), host('warm'), host('cold')];
    const pinned = crowd('hot', 5, { pinnedTo: hostName('hot') });
    const plan = planRebalance(fleetOf(hosts, [...pinned, ...crowd('warm', 4)]), policy);
    expect(plan.verdict).toBe('planned');
    expect(movesOf(plan)).toEqual(['warm-0: warm > cold', 'warm-1: warm > cold']);
  });

  it('does not move a heavy account where it would only make another host hot (whale)', () => {
    const whale = account('whale', 'a', { cpuCores: 2 });
    const accounts = [whale, ...crowd('a', 2), ...crowd('b', 2), ...crowd('c', 2)];
    const plan = planRebalance(fleetOf([host('a'), host('b'), host('c')], accounts), policy);
    expect(plan).toMatchObject({ verdict: 'planned', lowerBound: 1 });
    expect(plan.moves.map((move) => move.account)).toEqual(['a-0', 'a-1']);
  });

  it('exchanges where the cold host has no free slot', () => {
    const light = (name: string, on: string): AccountView =>
      account(name, on, { cpuCores: 0.01, memoryBytes: 2 ** 20 });
    const heavy = (name: string, on: string): AccountView => account(name, on, { cpuCores: 1 });
    const hosts = ['a', 'b', 'c'].map((name) => host(name, { maxAccounts: 2 }));
    const accounts = [
      heavy('h1', 'a'),
      heavy('h2', 'a'),
      light('l1', 'b'),
      light('l2', 'b'),
      light('l3', 'c'),
    ];
    const plan = planRebalance(fleetOf(hosts, accounts), { ...policy, threshold: 25 });
    expect(plan.verdict).toBe('planned');
    expect(brokenRules(fleetOf(hosts, accounts), policy, plan.moves, 10)).toEqual([]);
  });

  it('names the hosts that keep the target out of reach', () => {
    const pinned = crowd('a', 5, { pinnedTo: hostName('a') });
    const plan = planRebalance(fleetOf([host('a'), host('b')], pinned), policy);
    expect(plan).toMatchObject({ verdict: 'blocked', moves: [], lowerBound: null });
    expect(plan.blockers).toMatchObject([
      { host: 'a', reason: 'stays at 44.8: all 5 accounts are pinned to it' },
      { host: 'b', reason: 'stays at 0.0: no account that may move is allowed there or fits' },
    ]);
    const resting = crowd('a', 5, { movedAtMs: nowMs - 1000 });
    expect(
      planRebalance(fleetOf([host('a'), host('b')], resting), policy).blockers[0]?.reason,
    ).toBe('stays at 44.8: of 5 accounts, 5 rest after a move');
  });

  it('does not count hosts that are not up, and gives them nothing', () => {
    const hosts = [host('a'), host('b', { state: 'cordoned' }), host('c', { state: 'unhealthy' })];
    expect(planRebalance(fleetOf(hosts, crowd('a', 5)), policy).verdict).toBe('balanced');
  });
});

describe('any fleet', () => {
  const runs = { numRuns: 150 };

  it('breaks no hard rule and keeps to the cap', () => {
    fc.assert(
      fc.property(fleetArbitrary(), fc.integer({ min: 0, max: 8 }), (view, maxMoves) => {
        expect(
          brokenRules(view, strict, planRebalance(view, strict, { maxMoves }).moves, maxMoves),
        ).toEqual([]);
      }),
      runs,
    );
  });

  it('predicts the spread, never widens it, and calls planned what reaches the target', () => {
    fc.assert(
      fc.property(fleetArbitrary(), (view) => {
        const plan = planRebalance(view, strict);
        expect(plan.spreadAfter).toBeCloseTo(spreadAfter(view, plan.moves), 6);
        expect(plan.spreadAfter).toBeLessThanOrEqual(plan.spreadBefore);
        expect(plan.verdict === 'planned').toBe(
          plan.spreadBefore > 15 && plan.spreadAfter <= plan.targetSpread + 1e-6,
        );
        expect(plan.moves.length === 0).toBe(
          plan.verdict === 'balanced' || plan.verdict === 'blocked',
        );
      }),
      runs,
    );
  });

  it('gives the same plan whatever the order of the input, and survives JSON', () => {
    fc.assert(
      fc.property(fleetArbitrary(), (view) => {
        const plan = planRebalance(view, strict);
        const reversed = {
          ...view,
          hosts: view.hosts.toReversed(),
          accounts: view.accounts.toReversed(),
        };
        expect(planRebalance(reversed, strict)).toEqual(plan);
        expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
      }),
      runs,
    );
  });

  it('needs no more moves than the best of all plans of two moves, and never claims a bound above it', () => {
    fc.assert(
      fc.property(fleetArbitrary(3, 7), (view) => {
        const plan = planRebalance(view, strict);
        const fewest = fewestMoves(view, plan.targetSpread, 2);
        if (plan.verdict === 'balanced' || fewest === null) return;
        expect(plan.lowerBound).toBeLessThanOrEqual(fewest);
        expect(plan.verdict).toBe('planned');
        expect(plan.moves.length).toBeLessThanOrEqual(fewest);
      }),
      runs,
    );
  });
});

/**
 * By trying everything: the fewest moves, at most `most`, that reach the spread; null when so many
 * do not.
 */
function fewestMoves(view: FleetView, targetSpread: number, most: number): number | null {
  if (spreadAfter(view, []) <= targetSpread) return 0;
  if (most === 0) return null;
  let fewest: number | null = null;
  for (const who of view.accounts) {
    const source = view.hosts.find(({ name }) => name === who.host);
    const isFree =
      who.pinnedTo === null &&
      who.movedAtMs === null &&
      (source?.state === 'up' || source?.state === 'cordoned');
    if (!isFree) continue;
    for (const target of view.hosts) {
      const residents = view.accounts.filter((other) => other.host === target.name);
      if (target === source || refusalsOf(who, target, residents, policy).length > 0) continue;
      const moved = { ...who, host: target.name, movedAtMs: nowMs };
      const rest = fewestMoves(
        { ...view, accounts: view.accounts.map((other) => (other === who ? moved : other)) },
        targetSpread,
        most - 1,
      );
      if (rest !== null && (fewest === null || rest + 1 < fewest)) fewest = rest + 1;
    }
  }
  return fewest;
}

describe('a target that nobody can reach', () => {
  /** The hottest tenth holds pinned accounts only; the others are uneven and free to exchange. */
  const stuck = (count: number) => {
    const hosts = Array.from({ length: count }, (_, index) =>
      host(`h${String(index).padStart(5, '0')}`, { maxAccounts: 8 }),
    );
    const accounts = hosts.flatMap(({ name }, index) =>
      Array.from({ length: index % 10 === 0 ? 8 : index % 4 }, (_, place) =>
        account(
          `a${index}-${place}`,
          name,
          index % 10 === 0 ? { pinnedTo: name, cpuCores: 0.25 } : {},
        ),
      ),
    );
    return fleetOf(hosts, accounts);
  };

  it.each([20, 300, 4_200])(
    'still brings the spread down with %i hosts, and says which hosts stay and why',
    (count) => {
      const plan = planRebalance(stuck(count), policy, { maxMoves: count * 2, targetSpread: 10 });
      expect(plan.verdict).toBe('partial');
      expect(plan.spreadAfter).toBeLessThan(plan.spreadBefore - 6);
      expect(plan.blockers[0]?.reason).toMatch(/all 8 accounts are pinned to it/);
      expect(plan.moves.length).toBeGreaterThan(0);
      expect(plan.moves.length).toBeLessThanOrEqual(count * 2);
    },
  );
});
