import { describe, expect, it } from 'vitest';
import { type Supposition, supposeThat } from '../../../src/planning/advice/what-if.ts';
import { account, fleetOf, host, policy } from '../sample-fleet.ts';

const nothing: Supposition = {
  lostHosts: [],
  addedHosts: 0,
  hostsLike: null,
  addedAccounts: 0,
  accountsLike: null,
  scale: 1,
  rebalances: false,
};
const three = [account('x', 'a'), account('y', 'a'), account('z', 'b', { cpuCores: 0.3 })];
const view = fleetOf([host('a'), host('b')], three);
const ask = (what: Partial<Supposition>, of = view) =>
  supposeThat(of, policy, { ...nothing, ...what });
const slots = ({ after }: ReturnType<typeof ask>) =>
  Object.fromEntries(after.map(({ host: name, accounts }) => [name, accounts]));

describe('what if', () => {
  it('nothing happens: nothing changes', () => {
    const { before, after, placement } = ask({});
    expect([after, placement.placements]).toEqual([before, []]);
  });

  it('a host is lost: its accounts go elsewhere, and those that fit nowhere are named', () => {
    expect(slots(ask({ lostHosts: ['a'] }))).toEqual({ a: 0, b: 3 });
    const small = fleetOf([host('a'), host('b', { maxAccounts: 2 })], three);
    const { placement } = ask({ lostHosts: ['a'] }, small);
    expect([placement.placements.length, placement.unplaced.length]).toEqual([1, 1]);
  });

  it('hosts and accounts are added: the new ones are like the one that was named, and wanted nowhere in particular', () => {
    expect(
      slots(ask({ addedHosts: 1, hostsLike: 'b', addedAccounts: 3, accountsLike: 'z' })),
    ).toEqual({ a: 2, b: 2, 'new-host-1': 2 });
    const pinned = fleetOf(
      [host('a'), host('b')],
      [account('x', 'a', { pinnedTo: host('a').name })],
    );
    expect(slots(ask({ addedAccounts: 1, accountsLike: 'x' }, pinned))).toEqual({ a: 1, b: 1 });
  });

  it('accounts grow: a host that could not bear it is named', () => {
    expect([ask({ scale: 1.5 }).overloaded, ask({ scale: 12 }).overloaded]).toEqual([[], ['a']]);
  });

  it('a rebalance follows', () => {
    const full = fleetOf(
      [host('a'), host('b')],
      [...Array.from({ length: 5 }, (_, index) => account(`x${index}`, 'a'))],
    );
    const { rebalance, after } = ask({ rebalances: true }, full);
    expect(rebalance?.verdict).toBe('planned');
    expect(after.every(({ accounts }) => accounts >= 1)).toBe(true);
  });

  it('refuses names that are not there', () => {
    expect(() => ask({ lostHosts: ['nowhere'], accountsLike: 'nobody' })).toThrow(
      'neither a host nor an account: nowhere, nobody',
    );
  });
});
