import { describe, expect, it } from 'vitest';
import { planRebalance } from '../../../src/planning/rebalance/rebalance.ts';
import { restrictVoluntary } from '../../../src/planning/rebalance/voluntary.ts';
import { account, fleetOf, host, policy } from '../sample-fleet.ts';

const place = (country: string | null) => ({
  name: country ?? '',
  latitude: 0,
  longitude: 0,
  country,
});
const five = Array.from({ length: 5 }, (_, index) => account(`x${index}`, 'a'));
const lenient = { addressChangesPerWeek: 3, crossCountry: false };
const movesOf = (
  view: ReturnType<typeof fleetOf>,
  rules = lenient,
  changes = new Map<string, number>(),
): string[] =>
  planRebalance(restrictVoluntary(view, rules, changes), policy).moves.map(
    ({ account: name, to }) => `${name} ${to}`,
  );

describe('moves that nobody needs', () => {
  const abroad = fleetOf(
    [host('a', { location: place('DE') }), host('b', { location: place('US') })],
    five,
  );

  it('do not leave the country, unless the account has zones of its own or the inventory allows it', () => {
    expect(movesOf(abroad)).toEqual([]);
    expect(movesOf(abroad, { ...lenient, crossCountry: true })).not.toEqual([]);
    const free = fleetOf(
      abroad.hosts.slice(),
      five.map((each) => ({ ...each, allowedZones: ['DE', 'US'] })),
    );
    expect(movesOf(free)).not.toEqual([]);
  });

  it('are made within a country, and where nobody knows the country', () => {
    for (const country of ['DE', null]) {
      const view = fleetOf(
        [host('a', { location: place(country) }), host('b', { location: place(country) })],
        five,
      );
      expect(movesOf(view)).not.toEqual([]);
    }
  });

  it('leave an account whose address has changed often enough', () => {
    const view = fleetOf([host('a'), host('b')], five);
    const tired = (count: number) => new Map(five.map(({ name }) => [name, count]));
    expect([movesOf(view, lenient, tired(3)), movesOf(view, lenient, tired(2)).length > 0]).toEqual(
      [[], true],
    );
  });
});
