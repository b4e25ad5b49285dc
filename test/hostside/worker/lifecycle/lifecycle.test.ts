import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  type Lifecycle,
  type LifecycleEvent,
  lifecycleRules,
  type NextAct,
  retryDelayMs,
  startLifecycle,
  step,
} from '../../../../hostside/worker/lifecycle/lifecycle.ts';
import type { Failure } from '../../../../hostside/worker/telegram/classify-error.ts';

const rules = { ...lifecycleRules, healthIntervalMs: 60_000 };
const self = { userId: '777', username: null, latencyMs: 20 };
const drop: Failure = { kind: 'network', reason: 'closed by Telegram' };
const unknownKey: Failure = { kind: 'transport', code: 404 };
const flood = (seconds: number): Failure => ({ kind: 'rpc', code: 420, name: 'FLOOD', seconds });
const refusal = (code: number, name: string): Failure => ({
  kind: 'rpc',
  code,
  name,
  seconds: null,
});

const connected: LifecycleEvent = { event: 'connected', self };
const checked: LifecycleEvent = { event: 'checked', self, memoryBytes: 80e6 };
const lost = (failure: Failure = drop): LifecycleEvent => ({ event: 'lost', failure });
const connectFailed = (failure: Failure = drop): LifecycleEvent => ({
  event: 'connect-failed',
  failure,
});
const checkFailed = (failure: Failure = drop): LifecycleEvent => ({
  event: 'check-failed',
  failure,
});

/** Plays events one second apart, without jitter: `[state, what is next]` after each. */
const play = (
  ...events: readonly LifecycleEvent[]
): { readonly trace: readonly string[]; readonly last: Lifecycle } => {
  let last = startLifecycle(0);
  const trace: string[] = [];
  for (const [index, event] of events.entries()) {
    const done = step(last, event, rules, { nowMs: (index + 1) * 1000, random: 0.5 });
    last = done.lifecycle;
    trace.push(`${last.state} ${word(done.next)}`);
  }
  return { trace, last };
};

const word = (next: NextAct): string =>
  next.act === 'end' ? `end ${next.exitCode}` : `${next.act} ${next.afterMs}`;

test('online, then a health check every minute', () => {
  expect(play(connected, checked, checked).trace).toEqual(Array(3).fill('online check 60000'));
  expect(play(connected, checked).last).toMatchObject({
    userId: '777',
    latencyMs: 20,
    reason: '',
    sinceMs: 1000,
    tries: 0,
  });
});

test('counts the time until it is online, and between two times online', () => {
  expect(play(connected).last.counters.offline_ms).toBe(1000);
  // Online after 1 s, lost at 3 s, online again at 6 s.
  expect(
    play(connected, checked, lost(), connectFailed(), connectFailed(), connected, checked).last
      .counters.offline_ms,
  ).toBe(4000);
});

test('no Telegram at the start: three tries 5 s apart, then offline, and as often as before: it may be back at any moment', () => {
  const { trace, last } = play(...Array(11).fill(connectFailed()), connected);
  expect(trace).toEqual([
    ...[
      'starting connect 5000',
      'starting connect 5000',
      ...Array(9).fill('offline connect 3750'),
      'online check 60000',
    ],
  ]);
  expect(last.counters).toMatchObject({ failed_connects: 11, connects: 1 });
});

test('a Telegram that answers with trouble is asked with a growing pause', () => {
  const { trace } = play(...Array(11).fill(connectFailed(refusal(500, 'INTERNAL'))), connected);
  expect(trace).toEqual([
    ...[
      'starting connect 5000',
      'starting connect 5000',
      'offline connect 7500',
      'offline connect 15000',
      'offline connect 30000',
    ],
    ...[
      'offline connect 60000',
      'offline connect 120000',
      'offline connect 225000',
      'offline connect 225000',
      'offline connect 225000',
    ],
    ...['offline connect 225000', 'online check 60000'],
  ]);
});

test('a lost connection: one quick try, then as at the start', () => {
  const outage = play(
    connected,
    checked,
    lost(),
    connectFailed(),
    connectFailed(),
    connectFailed(),
    connected,
    checked,
    lost(),
  );
  expect(outage.trace.slice(2)).toEqual([
    ...[
      'reconnecting connect 1000',
      'reconnecting connect 5000',
      'reconnecting connect 5000',
      'offline connect 3750',
    ],
    ...['online check 60000', 'online check 60000', 'reconnecting connect 1000'],
  ]);
});

test('a connection that falls down again and again without one good check is tried less and less often', () => {
  const flapping = Array.from({ length: 6 }, () => [connected, lost()]).flat();
  expect(play(...flapping).trace.filter((_, index) => index % 2 === 1)).toEqual([
    ...[
      'reconnecting connect 1000',
      'reconnecting connect 5000',
      'reconnecting connect 5000',
      'reconnecting connect 7500',
    ],
    ...['reconnecting connect 15000', 'reconnecting connect 30000'],
  ]);
});

test('a failed check is a failure of the connection', () => {
  expect(play(connected, checked, checkFailed()).trace[2]).toBe('reconnecting connect 1000');
});

describe('flood wait', () => {
  test('in a check: the connection is kept, and asked when the time is over', () => {
    const { trace, last } = play(connected, checkFailed(flood(17)));
    expect(trace[1]).toBe('flood-wait check 17000');
    expect(last).toMatchObject({ untilMs: 19_000, counters: { flood_waits: 1 } });
    expect(play(connected, checkFailed(flood(17)), checked)).toMatchObject({
      last: { state: 'online', untilMs: null },
    });
  });

  test('at connecting: nothing is connected before the time is over', () => {
    expect(play(connectFailed(flood(600))).trace).toEqual(['flood-wait connect 600000']);
    expect(play(connectFailed({ kind: 'transport', code: 429 })).trace).toEqual([
      'flood-wait connect 60000',
    ]);
  });

  test('a connection lost in it changes nothing about its end', () => {
    const { trace, last } = play(connected, checkFailed(flood(17)), lost());
    expect(trace[2]).toBe('flood-wait connect 16000');
    expect(last.untilMs).toBe(19_000);
  });
});

describe('final ends', () => {
  test.each<[Failure, string]>([
    [refusal(401, 'SESSION_REVOKED'), 'needs-login end 65'],
    [refusal(406, 'AUTH_KEY_DUPLICATED'), 'duplicated end 66'],
    [refusal(401, 'USER_DEACTIVATED_BAN'), 'banned end 67'],
    [refusal(400, 'API_ID_INVALID'), 'misconfigured end 68'],
  ])('%j', (failure, expected) => {
    expect(play(connectFailed(failure)).trace).toEqual([expected]);
    expect(play(connected, checked, checkFailed(failure)).trace[2]).toBe(expected);
    expect(play(connected, checked, lost(failure)).trace[2]).toBe(expected);
  });

  test('a login that is not registered only when it is said again', () => {
    const unregistered = refusal(401, 'AUTH_KEY_UNREGISTERED');
    expect(play(connectFailed(unregistered), connectFailed(unregistered)).trace).toEqual([
      'starting connect 6000',
      'needs-login end 65',
    ]);
    expect(play(connected, lost(unregistered), connected).trace.at(-1)).toMatch(/^online/);
  });

  test('an unknown key only when it is said three times in a row', () => {
    expect(play(...Array(3).fill(connectFailed(unknownKey))).trace).toEqual([
      ...['starting connect 6000', 'starting connect 6000', 'needs-login end 65'],
    ]);
    const mixed = [
      connectFailed(unknownKey),
      connectFailed(unknownKey),
      connectFailed(),
      connectFailed(unknownKey),
      connected,
    ];
    expect(play(...mixed, lost(unknownKey), connectFailed(unknownKey)).trace.at(-1)).toBe(
      'reconnecting connect 6000',
    );
  });
});

test('memory above 1 GB is counted', () => {
  expect(
    play(connected, { ...checked, memoryBytes: 1024 ** 3 }).last.counters.memory_warnings,
  ).toBe(0);
  expect(
    play(connected, { ...checked, memoryBytes: 1024 ** 3 + 1 }).last.counters.memory_warnings,
  ).toBe(1);
});

it('never waits longer than 5 min for Telegram, nor less than half a second, and spreads', () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.double({ min: 0, max: 1, noNaN: true }), (tries, random) => {
      const delayMs = retryDelayMs(tries, rules, random);
      expect(delayMs).toBeGreaterThanOrEqual(500);
      expect(delayMs).toBeLessThanOrEqual(300_000);
    }),
  );
  expect(retryDelayMs(0, rules, 0)).not.toBe(retryDelayMs(0, rules, 1));
  expect(retryDelayMs(9, rules, 0)).not.toBe(retryDelayMs(9, rules, 1));
});

it('whatever happens: online only after an answer, a state of the contract, at most one wait of Telegram undercut', () => {
  const failure = fc.oneof(
    fc.constant(drop),
    fc.constant(unknownKey),
    fc.nat(1000).map(flood),
    fc.constantFrom(refusal(401, 'SESSION_REVOKED'), refusal(500, 'INTERNAL')),
  );
  const event = fc.oneof(
    fc.constantFrom(connected, checked),
    failure.map(lost),
    failure.map(connectFailed),
    failure.map(checkFailed),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      let at = startLifecycle(0);
      let nowMs = 0;
      for (const one of events) {
        const { lifecycle, next } = step(at, one, rules, { nowMs, random: 0 });
        expect(lifecycle.state === 'online').toBe(
          one.event === 'connected' || one.event === 'checked',
        );
        expect(lifecycle.reason === '').toBe(lifecycle.state === 'online');
        if (next.act === 'end') return;
        if (lifecycle.untilMs !== null)
          expect(nowMs + next.afterMs).toBeGreaterThanOrEqual(lifecycle.untilMs);
        at = lifecycle;
        nowMs += 100;
      }
    }),
  );
});
