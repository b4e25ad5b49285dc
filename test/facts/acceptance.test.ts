import { expect, it } from 'vitest';
import type { AccountSample } from '../../hostside/protocol/sample.ts';
import {
  type AcceptanceCheck,
  type AccountLook,
  checkEachAccount,
  checkEachHost,
  checkLoad,
  type FleetLook,
  type HostLook,
} from '../../src/facts/acceptance.ts';
import { accountReply, hostReply } from './sample-reply.ts';

const takenAtMs = hostReply().takenAtMs;
const status = {
  ...accountReply().status,
  updatedAt: new Date(takenAtMs - 30_000).toISOString(),
} as NonNullable<AccountSample['status']>;
const alice = (over: Partial<AccountSample> = {}): AccountSample =>
  accountReply({ status, ...over });
const counted = (counters: Readonly<Record<string, number>>): AccountSample =>
  alice({ status: { ...status, counters } });

const host = (
  name: string,
  accounts: readonly AccountSample[],
  over: Partial<HostLook> = {},
): HostLook => ({
  host: name,
  sample: hostReply({
    host: { ...hostReply().host, name },
    cpu: { cores: 2, busyRatio: { m1: 0.5, m5: 0.4, m15: null, now: 0.9 } },
    accounts,
  }),
  latencyMs: 12.3,
  problem: null,
  ...over,
});
const account = (over: Partial<AccountLook> = {}): AccountLook => ({
  ...{ name: 'alice', host: 'h1', state: 'online', reason: '', measured: alice() },
  ...over,
});
const look = (
  accounts: readonly AccountLook[],
  hosts: readonly HostLook[],
  atMs = 0,
): FleetLook => ({ atMs, hosts, accounts });
const said = (checks: readonly AcceptanceCheck[]): string[] =>
  checks.map(({ where, verdict, text }) => `${where} ${verdict}: ${text}`);
const silent = { sample: null, problem: { message: 'h2: connection refused', hint: 'is it on?' } };
const other = { keyId: 'b'.repeat(32) };

it.each<[string, HostLook, string]>([
  [
    'a sound one',
    host('h1', []),
    'h1 passed: answers within 13 ms, agent r1, clock and disk in order',
  ],
  ['one that is not ready', host('h1', [], { sample: null }), 'h1 failed: it is not ready'],
  ['one that is silent', host('h2', [], silent), 'h2 failed: h2: connection refused'],
  [
    'one whose clock is off',
    host('h1', [], { sample: hostReply({ clock: { synchronized: true, offsetMs: 9_000 } }) }),
    'h1 failed: its clock is off by 9.0 s',
  ],
])('judges %s', (_, given, expected) => {
  const checks = checkEachHost(look([], [given]), new Map([['h1', 'r1']]), true);
  expect(said(checks)).toEqual([expected]);
  expect(checks.every(({ verdict, remedy }) => (verdict === 'passed') === (remedy === ''))).toBe(
    true,
  );
});

it.each<[string, AccountLook, readonly HostLook[], string]>([
  [
    'online',
    account(),
    [host('h1', [alice()]), host('h2', [alice(other)])],
    'alice passed: online on h1 and nowhere else, 57 MB, 0 restarts',
  ],
  [
    'whose memory is not counted',
    account({ measured: alice({ memoryBytes: null }) }),
    [host('h1', [alice({ memoryBytes: null })])],
    'alice passed: online on h1 and nowhere else, memory not counted, 0 restarts',
  ],
  [
    'without a host',
    account({ host: null, state: 'stored' }),
    [],
    'alice not-shown: it has no host (stored)',
  ],
  ['stopped', account({ state: 'stopped' }), [], 'alice not-shown: the operator has stopped it'],
  [
    'banned',
    account({ state: 'banned', reason: 'by Telegram' }),
    [],
    'alice failed: it is banned: by Telegram',
  ],
  [
    'on two hosts',
    account(),
    [host('h1', [alice()]), host('h2', [alice()])],
    'alice failed: it runs on h1 and h2',
  ],
  [
    'with a host that is silent',
    account(),
    [host('h1', [alice()]), host('h2', [], silent)],
    'alice not-shown: it runs on h1, but h2 did not answer and was not seen without it',
  ],
  [
    'that restarts again and again',
    account({ measured: alice({ unit: { ...alice().unit, restarts: 4 } }) }),
    [host('h1', [alice()])],
    'alice failed: it was restarted 4 times',
  ],
  [
    'whose status is old',
    account({
      measured: alice({
        status: { ...status, updatedAt: new Date(takenAtMs - 181_000).toISOString() },
      }),
    }),
    [host('h1', [alice()])],
    'alice failed: its worker has not told its status for three minutes',
  ],
  [
    'that is too large',
    account({ measured: alice({ memoryBytes: 600 * 2 ** 20 }) }),
    [host('h1', [alice()])],
    'alice failed: it uses 600 MB',
  ],
])('judges an account %s', (_, given, hosts, expected) => {
  expect(said(checkEachAccount(look([given], hosts)))).toEqual([expected]);
});

it.each<[string, Readonly<Record<string, number>>, string]>([
  [
    'quick',
    { received: 30, reply_own_ms_250: 29, reply_own_ms_5000: 1 },
    "passed: 30.0 messages a minute, 30 replies, P95 at most 250 ms without the model's time",
  ],
  [
    'slow',
    { received: 30, reply_own_ms_250: 28, reply_own_ms_more: 2 },
    "failed: 30.0 messages a minute, 30 replies, P95 above 2 s without the model's time",
  ],
  [
    'little asked',
    { received: 9, reply_own_ms_250: 9 },
    'not-shown: only 9.0 messages a minute, 9 replies',
  ],
  ['silent', { received: 30 }, 'not-shown: 30.0 messages a minute, 0 replies'],
])(
  'judges the replies of a %s account by what was counted between two looks',
  (_, counters, expected) => {
    const base = { received: 1_000, reply_own_ms_more: 1_000, reply_own_ms_250: 5 };
    const later = Object.fromEntries(
      Object.entries({ ...base, ...counters }).map(([name, count]) => [
        name,
        name in counters ? count + (base[name as keyof typeof base] ?? 0) : count,
      ]),
    );
    const before = look([account({ measured: counted(base) })], [host('h1', [alice()])], 0);
    const after = look([account({ measured: counted(later) })], [host('h1', [alice()])], 60_000);
    expect(said(checkLoad(before, after))).toEqual([
      'h1 passed: 50 % busy, 1 account uses 57 MB',
      `alice ${expected}`,
    ]);
  },
);

it('memory that is not counted is not said to be 0 MB', () => {
  const blind = look([], [host('h1', [alice({ memoryBytes: null })])]);
  expect(said(checkLoad(blind, blind))).toEqual([
    'h1 passed: 50 % busy, 1 account uses memory that is not counted',
  ]);
});

it('a host that is busy for a minute has failed', () => {
  const busy = host('h1', [], {
    sample: hostReply({ cpu: { cores: 2, busyRatio: { m1: 0.8, m5: 0, m15: 0, now: 0 } } }),
  });
  const none = look([], [busy]);
  expect(checkLoad(none, none)[0]?.verdict).toBe('failed');
});
