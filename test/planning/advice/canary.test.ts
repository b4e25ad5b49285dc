import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CanaryReading,
  chooseCanaries,
  judgeCanary,
} from '../../../src/planning/advice/canary.ts';

const reading = (account: string, more: Partial<CanaryReading> = {}): CanaryReading => ({
  ...{
    account,
    isCanary: account.startsWith('new'),
    state: 'online',
    restarts: 0,
    answered: 0,
    failed: 0,
  },
  ...more,
});

describe('those that try something new', () => {
  test.for<[string, CanaryReading[][], boolean, RegExp]>([
    ['are well and asked nothing', [[reading('new')], [reading('new')]], false, /nobody asked/],
    [
      'answer',
      [[reading('new')], [reading('new', { answered: 20, failed: 1 })]],
      false,
      /1 of 21 answers failed \(5 %\)/,
    ],
    [
      'fail',
      [[reading('new')], [reading('new', { answered: 5, failed: 5 })]],
      true,
      /5 of 10 answers failed \(50 %\), 0 % for the others/,
    ],
    [
      'fail twice, which may be chance',
      [[reading('new')], [reading('new', { failed: 2 })]],
      false,
      /2 of 2/,
    ],
    [
      'failed before the trial',
      [[reading('new', { failed: 50 })], [reading('new', { answered: 9, failed: 50 })]],
      false,
      /0 of 9/,
    ],
    [
      'fail as much as the others do',
      [
        [reading('new'), reading('old')],
        [reading('new', { answered: 2, failed: 8 }), reading('old', { answered: 2, failed: 8 })],
      ],
      false,
      /80 % for the others/,
    ],
    [
      'crash',
      [[reading('new', { restarts: 4 })], [reading('new', { restarts: 6 })]],
      true,
      /new has crashed 2 times/,
    ],
    [
      'were started anew by hand',
      [[reading('new', { restarts: 4 })], [reading('new', { restarts: 0 })]],
      false,
      /nobody asked/,
    ],
    [
      'count from 0 again after a start',
      [[reading('new', { answered: 90, failed: 9 })], [reading('new', { answered: 4, failed: 0 })]],
      false,
      /0 of 4 answers failed/,
    ],
    [
      'stay away for three looks',
      [
        [reading('new')],
        ...Array.from({ length: 3 }, () => [reading('new', { state: 'misconfigured' })]),
      ],
      true,
      /new is misconfigured/,
    ],
    [
      'are on a host that falls silent for a moment',
      [[reading('new')], [reading('new', { state: null })]],
      false,
      /nobody asked/,
    ],
  ])('%s', ([, looks, isWorse, reason]) => {
    expect(judgeCanary(looks, 0.1, false)).toMatchObject({
      isWorse,
      reason: expect.stringMatching(reason),
    });
  });

  test('have to be seen well at the end', () => {
    expect(
      judgeCanary([[reading('new')], [reading('new', { state: 'reconnecting' })]], 0.1, true),
    ).toMatchObject({ isWorse: true });
    expect(
      judgeCanary([[reading('new')], [reading('new', { state: null })]], 0.1, true).reason,
    ).toBe('new is on a host that does not answer');
    expect(judgeCanary([[reading('new')], []], 0.1, true).reason).toBe('new is gone');
    expect(judgeCanary([[reading('new')], [reading('new')]], 0.1, true).isWorse).toBe(false);
  });
});

test('are as many as are asked for, none twice, and from as many hosts as there are', () => {
  const accounts = fc.uniqueArray(
    fc.record({ name: fc.string({ minLength: 1 }), host: fc.constantFrom('h1', 'h2', 'h3') }),
    {
      selector: ({ name }) => name,
    },
  );
  fc.assert(
    fc.property(accounts, fc.nat(20), (all, count) => {
      const chosen = chooseCanaries(all, count);
      expect(chosen).toHaveLength(Math.min(count, all.length));
      expect(new Set(chosen).size).toBe(chosen.length);
      const hosts = new Set(all.map(({ host }) => host)).size;
      const used = new Set(chosen.map((name) => all.find((each) => each.name === name)?.host)).size;
      expect(used).toBe(Math.min(chosen.length, hosts));
      expect(chooseCanaries(all.toReversed(), count)).toEqual(chosen);
    }),
  );
});
