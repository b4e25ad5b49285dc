import { expect, test } from 'vitest';
import { FleetError } from '../../../src/model/errors.ts';
import {
  askedAgainAt,
  countRefusal,
  isLoginRefused,
  type LoginRefusal,
  pausedBy,
} from '../../../src/remote/shared/login-pause.ts';

const errorOf = (code: 'ssh-auth' | 'ssh-host-key' | 'ssh-timeout' | 'ssh-refused'): FleetError =>
  new FleetError(code, 'h1: refused the login', { hint: 'check the user name', host: 'h1' });
const windowMs = 600_000;

test('a host that refuses the login is asked no more than four times in ten minutes, however often one looks, and at least every half hour', () => {
  let refusal: LoginRefusal | null = null;
  const asked: number[] = [];
  for (let nowMs = 0; nowMs < 6 * 3_600_000; nowMs += 2_000) {
    if (pausedBy(refusal, 'h1', nowMs) !== null) continue;
    asked.push(nowMs);
    refusal = countRefusal(refusal, errorOf('ssh-auth'), nowMs);
  }
  const most = Math.max(
    ...asked.map((end) => asked.filter((at) => at <= end && at > end - windowMs).length),
  );
  const longest = Math.max(...asked.slice(1).map((at, index) => at - (asked[index] ?? 0)));
  expect([most, longest]).toEqual([4, 1_800_000]);
});

test('it says what the host said, and when it is asked again', () => {
  const refusal = countRefusal(null, errorOf('ssh-auth'), 1_000);
  const paused = pausedBy(refusal, 'h1', 11_000);
  expect([paused?.code, paused?.message]).toEqual(['ssh-auth', 'h1: refused the login']);
  expect(paused?.hint).toMatch(/^it is asked again in 50 s: .* check the user name$/);
  expect(pausedBy({ ...refusal, count: 1_000_000 }, 'h1', 1_000)?.hint).toMatch(
    /^it is asked again in 30 min: /,
  );
});

test('a clock that was set back does not pause for longer', () => {
  const refusal = countRefusal(null, errorOf('ssh-auth'), 10_000_000);
  expect([askedAgainAt(refusal), pausedBy(refusal, 'h1', 5_000)]).toEqual([10_060_000, null]);
});

test('silence and a locked door are no refused login: nothing is counted there', () => {
  expect(
    (['ssh-auth', 'ssh-host-key', 'ssh-timeout', 'ssh-refused'] as const).map((code) =>
      isLoginRefused(errorOf(code)),
    ),
  ).toEqual([true, true, false, false]);
});
