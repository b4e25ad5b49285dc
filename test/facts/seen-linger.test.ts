import { expect, it } from 'vitest';
import { seenLingerMs } from '../../src/facts/seen-linger.ts';

const sample = (counters: Record<string, number> | null) =>
  JSON.stringify({ accounts: [{ keyId: 'k', status: counters === null ? null : { counters } }] });

it.each([
  ['no sample', null, 0],
  ['a sample without the account', JSON.stringify({ accounts: [] }), 0],
  ['a worker that has told nothing', sample(null), 0],
  ['a worker that never connected', sample({ connects: 0 }), 0],
  ['a worker of the release before', sample({ connects: 2 }), 80_000],
  ['a worker of this release', sample({ connects: 2, clock_ahead_seconds: 0 }), 0],
])('%s', (_name, json, expected) => {
  expect(seenLingerMs(json, 'k')).toBe(expected);
});
