import fc from 'fast-check';
import { expect, test } from 'vitest';
import { editDistance, nearest } from '../../src/inventory/rules/nearest.ts';

const distances: readonly (readonly [string, string, number])[] = [
  ['', '', 0],
  ['abc', '', 3],
  ['kitten', 'sitting', 3],
  ['ab', 'ba', 1],
  ['port', 'prot', 1],
  ['user', 'usr', 1],
];

test.each(distances)('%j to %j', (left, right, expected) => {
  expect(editDistance(left, right)).toBe(expected);
});

test('distance is symmetric, zero only for the same word, at most the longer length', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });
  fc.assert(
    fc.property(word, word, (left, right) => {
      const distance = editDistance(left, right);
      expect(distance).toBe(editDistance(right, left));
      expect(distance === 0).toBe(left === right);
      expect(distance).toBeLessThanOrEqual(Math.max(left.length, right.length));
      expect(distance).toBeGreaterThanOrEqual(Math.abs(left.length - right.length));
    }),
  );
});

const guesses: readonly (readonly [string, readonly string[], string | null])[] = [
  ['max-accounts', ['max_accounts'], 'max_accounts'],
  ['maxAccounts', ['limits', 'max_accounts'], 'max_accounts'],
  ['identity', ['user', 'identity_files'], 'identity_files'],
  ['prot', ['user', 'port'], 'port'],
  ['xyz', ['user', 'port'], null],
  ['a', ['b'], null],
  ['web-9', ['web-1', 'web-2'], 'web-1'],
  ['', ['a'], null],
];

test.each(guesses)('%j among %j', (word, candidates, expected) => {
  expect(nearest(word, candidates)).toBe(expected);
});
