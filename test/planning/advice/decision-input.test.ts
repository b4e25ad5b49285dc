import { describe, expect, it } from 'vitest';
import { type DecisionInput, decide, replay } from '../../../src/planning/advice/decision-input.ts';
import { account, accountName, fleetOf, host, policy } from '../sample-fleet.ts';

const throughJson = (input: DecisionInput): DecisionInput =>
  JSON.parse(JSON.stringify(input)) as DecisionInput;
const full = Array.from({ length: 5 }, (_, index) => account(`x${index}`, 'a'));

describe('a decision made again from its inputs', () => {
  it('is the same placement, with the same figures, after a journey through JSON', () => {
    const view = fleetOf(
      [host('a', { baseCpuCores: 1 / 3 }), host('b', { baseMemoryBytes: 123_456_789 })],
      [account('x'), account('y')],
    );
    const input = {
      planner: 'placement',
      view,
      names: [accountName('x'), accountName('y')],
      policy,
      options: {},
    } as const satisfies DecisionInput;
    for (const { account: name, host: to, scoreBefore, scoreAfter } of decide(input).placements) {
      expect(replay(throughJson(input), name)).toEqual({
        host: to,
        scores: [scoreBefore.total, scoreAfter.total],
      });
    }
  });

  it('is the same rebalance', () => {
    const input = {
      planner: 'rebalance',
      view: fleetOf([host('a'), host('b')], full),
      policy,
    } as const satisfies DecisionInput;
    const { moves } = decide(input);
    expect(moves.length).toBeGreaterThan(0);
    for (const move of moves) {
      const scores = [
        move.fromScoreBefore,
        move.fromScoreAfter,
        move.toScoreBefore,
        move.toScoreAfter,
      ];
      expect(replay(throughJson(input), move.account)).toEqual({ host: move.to, scores });
    }
  });

  it('says nothing about an account that was left alone', () => {
    const input = {
      planner: 'rebalance',
      view: fleetOf([host('a'), host('b')], full.slice(0, 1)),
      policy,
    } as const satisfies DecisionInput;
    expect(replay(input, accountName('x0'))).toBeNull();
  });
});
