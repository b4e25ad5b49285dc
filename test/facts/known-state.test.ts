import { describe, expect, test } from 'vitest';
import {
  asKnown,
  type RecordedAccount,
  type RecordedHealth,
  silenceOf,
} from '../../src/facts/known-state.ts';

const at = Date.parse('2026-11-22T21:44:30Z');
const answers: RecordedHealth = {
  unreachable_since: null,
  off_at: null,
  destroyed_at: null,
  refused_since: null,
};
const account = (over: Partial<RecordedAccount> = {}): RecordedAccount => ({
  ...{ host: 'h1', state: 'online', state_reason: '', state_since: at - 60_000 },
  ...over,
});

describe('what is known of a silent host and its accounts', () => {
  test.for<[string, RecordedHealth, string]>([
    [
      'no connection',
      { ...answers, unreachable_since: at },
      'no connection since 2026-11-22 21:44Z',
    ],
    [
      'refuses the login',
      { ...answers, refused_since: at },
      'has refused fleet’s login since 2026-11-22 21:44Z',
    ],
    [
      'switched off',
      { ...answers, unreachable_since: at - 1, off_at: at },
      'switched off, stated at 2026-11-22 21:44Z',
    ],
    [
      'destroyed',
      { ...answers, unreachable_since: at - 2, off_at: at - 1, destroyed_at: at },
      'declared destroyed at 2026-11-22 21:44Z',
    ],
  ])('%s', ([, health, reason]) => {
    expect(silenceOf(health)).toEqual({ sinceMs: at, reason });
    expect(asKnown(account(), health)).toMatchObject({
      ...{ host: 'h1', state: 'unknown', state_since: at },
      state_reason: `h1: ${reason}; last report: online`,
    });
  });

  test('a host that answers is believed', () => {
    expect(asKnown(account(), answers)).toEqual(account());
    expect(asKnown(account(), undefined)).toEqual(account());
  });

  test.for([
    'needs-login',
    'banned',
    'duplicated',
    'detached',
    'removing',
    'misconfigured',
  ] as const)('%s stays what it is', (state) => {
    const ended = account({ state });
    expect(asKnown(ended, { ...answers, unreachable_since: at })).toEqual(ended);
  });

  test('an account without a host has no silent host', () => {
    const stored = account({ host: null, state: 'stored' });
    expect(asKnown(stored, { ...answers, unreachable_since: at })).toEqual(stored);
  });

  test('a report that came after the silence began counts from then on', () => {
    const later = account({ state: 'flood-wait', state_reason: '20 s', state_since: at + 5 });
    expect(asKnown(later, { ...answers, unreachable_since: at })).toMatchObject({
      state_since: at + 5,
      state_reason: 'h1: no connection since 2026-11-22 21:44Z; last report: flood-wait, 20 s',
    });
  });
});
