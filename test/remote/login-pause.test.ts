import { expect, test } from 'vitest';
import { FleetError } from '../../src/model/errors.ts';
import { createLoginPauses } from '../../src/remote/login-pause.ts';

const refused = new FleetError('ssh-auth', 'h1: refused the login', { hint: 'check the user name', host: 'h1' });
const silent = new FleetError('ssh-timeout', 'h1: the host does not answer', { hint: 'x', host: 'h1' });
const windowMs = 600_000;

test('a host that refuses the login is asked no more than four times in ten minutes, however often one looks', () => {
  const pauses = createLoginPauses();
  const asked: number[] = [];
  for (let nowMs = 0; nowMs < 6 * 3_600_000; nowMs += 2_000) {
    if (pauses.pausedBy('h1', nowMs) !== null) continue;
    asked.push(nowMs);
    pauses.note('h1', refused, nowMs);
  }
  const most = Math.max(...asked.map((end) => asked.filter((at) => at <= end && at > end - windowMs).length));
  expect([most, asked.length > 30]).toEqual([4, true]);
});

test('it says what the host said, and when it is asked again', () => {
  const pauses = createLoginPauses();
  pauses.note('h1', refused, 1_000);
  const paused = pauses.pausedBy('h1', 11_000);
  expect([paused?.code, paused?.message]).toEqual(['ssh-auth', 'h1: refused the login']);
  expect(paused?.hint).toMatch(/^it is asked again in 50 s: .* check the user name$/);
  expect(pauses.pausedBy('h2', 11_000)).toBeNull();
});

test('silence is no refusal, and an answer ends the count', () => {
  const pauses = createLoginPauses();
  pauses.note('h1', silent, 0);
  expect(pauses.pausedBy('h1', 0)).toBeNull();
  for (const atMs of [0, 60_000]) pauses.note('h1', refused, atMs);
  expect(pauses.pausedBy('h1', 60_000 + 119_000)).not.toBeNull();
  pauses.note('h1', null, 180_000);
  pauses.note('h1', refused, 180_000);
  expect(pauses.pausedBy('h1', 180_000 + 61_000)).toBeNull();
});
