import { expect, it } from 'vitest';
import { judgeHealth } from '../../../src/planning/fleet/host-health.ts';

const minute = 60_000;

it.each([
  ['answers', null, 0, 'healthy'],
  ['has just fallen silent', 0, 0, 'suspect'],
  ['is silent, not yet for long', 0, 3 * minute - 1, 'suspect'],
  ['is silent for long', 0, 3 * minute, 'down'],
] as const)('a host that %s', (_, since, now, expected) => {
  expect(judgeHealth(since, now, 3 * minute)).toBe(expected);
});

it('a host whose reboot is announced is not down before its end, however long it is silent', () => {
  expect(judgeHealth(0, 14 * minute, 3 * minute, 15 * minute)).toBe('suspect');
  expect(judgeHealth(0, 15 * minute, 3 * minute, 15 * minute)).toBe('down');
  expect(judgeHealth(null, 14 * minute, 3 * minute, 15 * minute)).toBe('healthy');
});

it('says the same about a moment, however often it was asked before', () => {
  const at = 60 * minute;
  const everyMinute = Array.from({ length: 61 }, (_, index) =>
    judgeHealth(0, index * minute, 3 * minute),
  ).at(-1);
  expect(judgeHealth(0, at, 3 * minute)).toBe(everyMinute);
});
