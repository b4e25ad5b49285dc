import { expect, it } from 'vitest';
import { clockFault, clockWarnings } from '../../src/facts/clock.ts';

const minute = 60_000;
it.each([
  [0, ''],
  [50_000, ''],
  [-3 * minute, 'it is 3 min behind this machine'],
  [5 * 60 * minute, 'it is 5 h ahead of this machine'],
  [-4000 * 24 * 60 * minute, 'it is 4000 days behind this machine'],
])('a clock that is off by %i ms: %s', (skewMs, said) => {
  const here = Date.UTC(2026, 10, 23);
  expect(clockWarnings(here + skewMs, here).join()).toMatch(said === '' ? /^$/ : said);
});

it.each<[Record<string, number>, string | null]>([
  [{}, null],
  [{ clock_ahead_seconds: 12 }, null],
  [{ clock_ahead_seconds: 403 }, "the host's clock is 400 s ahead of Telegram's"],
  [{ clock_ahead_seconds: -3_600 }, "the host's clock is 3600 s behind Telegram's"],
])('a clock by Telegram: %j', (counters, expected) => {
  expect(clockFault(counters)).toBe(expected);
});
