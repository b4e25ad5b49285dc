import { expect, it } from 'vitest';
import { seenLingerMs } from '../../src/facts/seen-linger.ts';

const today = { helperProtocol: 2 };
const sample = (
  counters: Record<string, number> | null,
  activeState = 'active',
  agent: object = today,
) =>
  JSON.stringify({
    agent,
    accounts: [
      { keyId: 'k', unit: { activeState }, status: counters === null ? null : { counters } },
    ],
  });
const ofToday = { connects: 2, clock_ahead_seconds: 0 };

it.each([
  ['no sample', null, 80_000],
  ['a sample without the account', JSON.stringify({ agent: today, accounts: [] }), 0],
  [
    'one of the release before',
    JSON.stringify({ agent: { helperProtocol: 1 }, accounts: [] }),
    80_000,
  ],
  ['one of a release that did not tell', JSON.stringify({ accounts: [] }), 80_000],
  ['a worker that has told nothing', sample(null), 80_000],
  ['a worker that has not connected yet', sample({ connects: 0 }), 80_000],
  ['a unit that is down', sample(null, 'inactive'), 0],
  ['a unit that has failed', sample(null, 'failed'), 0],
  ['a worker of the release before', sample({ connects: 2 }), 80_000],
  ['a worker of this release', sample(ofToday), 0],
  [
    'a worker of this release on a host that was put back',
    sample(ofToday, 'active', { helperProtocol: 1 }),
    80_000,
  ],
])('%s', (_name, json, expected) => {
  expect(seenLingerMs(json, 'k')).toBe(expected);
});
