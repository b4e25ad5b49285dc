import { describe, expect, it } from 'vitest';
import { planAutoFailover, type SweptFact } from '../../../src/planning/advice/auto-failover.ts';

const up = (host: string): SweptFact => ({ host, health: 'healthy', accounts: 1, hasFence: true });
const down = (host: string, changes: Partial<SweptFact> = {}): SweptFact => ({
  ...up(host),
  health: 'down',
  ...changes,
});

describe('automatic failover', () => {
  it.each<[string, SweptFact[], number, readonly string[]]>([
    ['one of two', [down('a'), up('b')], 1, ['a']],
    ['the only host', [down('a')], 1, ['a']],
    ['one that is suspect is left alone', [{ ...down('a'), health: 'suspect' }, up('b')], 1, []],
    ['one without accounts is left alone', [down('a', { accounts: 0 }), up('b')], 1, []],
    [
      'two of five, where two are allowed',
      [down('a'), down('b'), up('c'), up('d'), up('e')],
      2,
      ['a', 'b'],
    ],
  ])('%s', (_, facts, maxHosts, hosts) => {
    expect(planAutoFailover(facts, maxHosts)).toMatchObject({ hosts, brake: null });
  });

  it.each<[string, SweptFact[], number]>([
    ['more than are allowed', [down('a'), down('b'), up('c'), up('d'), up('e')], 1],
    ['more than 40 % of three', [down('a'), down('b'), up('c')], 9],
    ['both of two', [down('a'), down('b')], 1],
    ['hosts without accounts count', [down('a'), down('b', { accounts: 0 })], 1],
  ])('brakes: %s', (_, facts, maxHosts) => {
    const { hosts, brake } = planAutoFailover(facts, maxHosts);
    expect([hosts, brake]).toEqual([
      [],
      expect.stringMatching(/^2 of \d hosts are down at once \(a, b\)$/),
    ]);
  });

  it('names hosts that nobody but the operator can declare off', () => {
    expect(planAutoFailover([down('a', { hasFence: false }), up('b')], 1)).toEqual({
      hosts: [],
      brake: null,
      unfenced: ['a'],
    });
  });
});
