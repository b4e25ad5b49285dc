import { describe, expect, it } from 'vitest';
import { movesToStart } from '../../../src/planning/rebalance/pace.ts';
import { account, accountName, fleetOf, host, hostName } from '../sample-fleet.ts';

const move = (name: string, from: string, to: string) => ({ account: accountName(name), from: hostName(from), to: hostName(to) });
const hosts = ['a', 'b', 'c', 'd', 'e'].map((name) => host(name));

describe('movesToStart', () => {
  const check = (
    moves: readonly ReturnType<typeof move>[],
    inFlight: readonly ReturnType<typeof move>[],
    expected: readonly string[],
    group: string | null = null,
  ) => {
    const view = fleetOf(
      hosts,
      [...moves, ...inFlight].map((planned) => account(planned.account, planned.from, { group })),
    );
    expect(movesToStart(moves, inFlight, view).map((started) => started.account)).toEqual(expected);
  };

  it('lets one leave and two arrive per host', () => {
    check([move('x', 'a', 'b'), move('y', 'a', 'c')], [], ['x']);
    check([move('x', 'a', 'e'), move('y', 'b', 'e'), move('z', 'c', 'e')], [], ['x', 'y']);
  });

  it('counts what is under way', () => {
    check([move('x', 'a', 'b'), move('y', 'c', 'd')], [move('w', 'a', 'e')], ['y']);
  });

  it('moves one of a group at a time', () => {
    check([move('x', 'a', 'b'), move('y', 'c', 'd')], [], ['x'], 'g');
  });

  it('holds back what needs the room of a move that waits', () => {
    check([move('x', 'a', 'b'), move('y', 'a', 'c'), move('z', 'd', 'a')], [], ['x']);
  });
});
