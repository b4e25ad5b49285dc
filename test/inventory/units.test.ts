import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDuration, parseSize } from '../../src/inventory/schema/units.ts';

const durations: readonly (readonly [string, number | null])[] = [
  ['500ms', 500],
  ['5s', 5_000],
  ['10m', 600_000],
  ['1.5h', 5_400_000],
  ['2d', 172_800_000],
  ['0s', 0],
  ['10', null],
  ['10 m', null],
  ['-1s', null],
  ['1h30m', null],
  ['10M', null],
  ['s', null],
  ['', null],
];

test.each(durations)('duration %j', (text, expected) => {
  expect(parseDuration(text)).toBe(expected);
});

const sizes: readonly (readonly [string, number | null])[] = [
  ['64K', 65_536],
  ['512M', 536_870_912],
  ['1.5G', 1_610_612_736],
  ['512', null],
  ['512MB', null],
  ['512m', null],
  ['', null],
];

test.each(sizes)('size %j', (text, expected) => {
  expect(parseSize(text)).toBe(expected);
});

test('whole quantities are exact', () => {
  fc.assert(
    fc.property(fc.nat({ max: 100_000 }), (count) => {
      expect(parseDuration(`${count}s`)).toBe(count * 1_000);
      expect(parseSize(`${count}M`)).toBe(count * 1_048_576);
    }),
  );
});
