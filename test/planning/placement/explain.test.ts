import { describe, expect, it } from 'vitest';
import { unmeasuredBytes } from '../../../src/planning/fleet/fleet-view.ts';
import { rankHosts } from '../../../src/planning/fleet/ranking.ts';
import { explainRefusal } from '../../../src/planning/placement/explain.ts';
import { account, accountName, fleetOf, host, hostName, policy } from '../sample-fleet.ts';

describe('explainRefusal', () => {
  const hosts = [host('a'), host('b', { diskUsedRatio: 0.5 }), host('c', { state: 'cordoned' })];
  const view = fleetOf(hosts, [account('x', 'a'), account('y')]);
  const why = (who: string, where: string) =>
    explainRefusal(view, accountName(who), hostName(where), policy);

  it('tells a rule, a better host, the best host and the present host apart', () => {
    expect(why('x', 'a')).toEqual({ verdict: 'already-there', message: 'x is on a' });
    expect(why('x', 'c')).toMatchObject({
      verdict: 'refused',
      refusal: { code: 'cordoned' },
      message: 'c cannot take x: host is cordoned',
    });
    expect(why('x', 'b')).toMatchObject({
      verdict: 'outranked',
      better: 'a',
      message:
        'b is allowed, but a scores lower by 5.0: lowest load score; score 0.0 -> 9.0; b: ' +
        'scores 5.0, 5.0 more',
    });
    expect(why('y', 'b')).toMatchObject({ verdict: 'best' });
  });

  it('names what it does not know', () => {
    expect(() => why('nobody', 'a')).toThrow('there is no account nobody');
    expect(() => why('x', 'nowhere')).toThrow('there is no host nowhere');
  });
});

describe('rankHosts', () => {
  it('lists by score, then name, and those that are not up last', () => {
    const hosts = [
      host('d', { state: 'dead' }),
      host('c'),
      host('b'),
      host('a', { diskUsedRatio: 0.1 }),
    ];
    const rows = rankHosts(fleetOf(hosts, [account('x', 'a')]), policy);
    expect(rows.map(({ rank, host: name }) => [rank, name])).toEqual([
      [1, 'b'],
      [2, 'c'],
      [3, 'a'],
      [null, 'd'],
    ]);
    expect(rows[2]).toMatchObject({ accounts: 1, freeSlots: 4, maxAccounts: 5 });
  });

  it('does not know the free memory of a host that was never measured', () => {
    const [row] = rankHosts(
      fleetOf([host('new', { state: 'not-ready', memoryBytes: unmeasuredBytes })], []),
      policy,
    );
    expect(row?.freeMemoryBytes).toBeNull();
  });
});
