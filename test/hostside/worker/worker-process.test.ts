import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readClaim, writeClaim } from '../../../hostside/claims/claim-file.ts';
import { readStopMark } from '../../../hostside/gate/marks.ts';
import { forgetStandstill } from '../../../hostside/helper/standstill.ts';
import { currentLayer } from '../../../src/release/telegram-layer.ts';
import { gramSession } from '../../dc/clients/gram-session.ts';
import { startDeadPath } from '../../dc/dead-path.ts';
import {
  type DataCentre,
  type ListenAddress,
  type LoginCredentials,
  startDataCentre,
} from '../../dc/server.ts';
import { claimOf } from '../claims/claim-fixtures.ts';
import { apiHash, buildRelease, keyId, WorkerProcess, type WorkerSetup } from './worker-process.ts';

/** The bundle behind the real wrapper and the real gate, as a host runs it. */
let release: string;
let dc: DataCentre;
let login: LoginCredentials;
let worker: WorkerProcess;

beforeAll(async () => {
  release = await buildRelease();
}, 30_000);
afterAll(() => rmSync(release, { recursive: true }));
beforeEach(async () => {
  dc = await startDataCentre();
  login = dc.addAccount({ userId: '7770001234567', firstName: 'Ann' });
});
afterEach(async () => {
  await worker.end();
  expectNoSecret();
  worker.remove();
  expect(dc.report().violations).toEqual([]);
  await dc.stop();
});

const run = (setup: Partial<WorkerSetup> = {}): WorkerProcess => {
  worker = new WorkerProcess({ release, dc, login, ...setup });
  return worker;
};
const account = () => dc.report().accounts[0];

/** The key in every form in which it could leak, whole or in part. */
const expectNoSecret = (): void => {
  const { seen } = worker;
  const key = login.authKey;
  for (const part of [key.subarray(0, 12), key.subarray(120, 132), key.subarray(-12)]) {
    expect(seen).not.toContain(part.toString('hex'));
    expect(seen).not.toContain(part.toString('base64').slice(0, 14));
  }
  expect(seen).not.toContain(gramSession(login).slice(10, 40));
  expect(seen).not.toContain(apiHash);
};

test('online: status for everybody to read, systemd told, and what was fixed for the account is what Telegram sees', async () => {
  run();
  await worker.reaches('online');
  expect(worker.status).toMatchObject({
    format: 1,
    reason: '',
    userId: '7770001234567',
    until: null,
    counters: { connects: 1 },
  });
  expect(statSync(join(worker.places.accountRuntime, keyId, 'status.json')).mode & 0o777).toBe(
    0o644,
  );
  await expect.poll(() => worker.notices).toContain('--status=online, user 7770001234567');
  expect(worker.notices.startsWith('--ready\n')).toBe(true);
  const { layer } = currentLayer();
  expect(account()?.connections[0]?.init).toMatchObject({
    apiId: 4711,
    layer,
    deviceModel: 'Pinned Device',
    appVersion: '9.8.7',
  });
  await expect
    .poll(() => worker.status?.counters.health_checks, { timeout: 3000 })
    .toBeGreaterThan(1);
  for (const line of worker.output.trim().split('\n')) expect(line).toMatch(/^<[3467]>./);
});

test('SIGTERM: away from Telegram and gone, at once, cleanly', async () => {
  run();
  await worker.reaches('online');
  const askedAt = performance.now();
  worker.signal('SIGTERM');
  expect(await worker.exited).toBe(0);
  expect(performance.now() - askedAt).toBeLessThan(9000);
  expect(worker.status?.state).toBe('stopped');
  expect(account()).toMatchObject({ liveNow: 0, maxLive: 1, connections: [{ closedBy: 'peer' }] });
});

test('SIGTERM when Telegram has fallen silent: still within the contract', async () => {
  run();
  await worker.reaches('online');
  dc.fault({ method: '*', times: null, effect: { kind: 'silence' } });
  await sleep(500);
  const askedAt = performance.now();
  worker.signal('SIGTERM');
  expect(await worker.exited).toBe(0);
  expect(performance.now() - askedAt).toBeLessThan(10_000);
});

test('an end that Telegram does not confirm is unclean, whatever the exit code says; a confirmed one is clean', async () => {
  const stopMark = () => readStopMark(join(worker.places.accountState, keyId));
  const path = await startDeadPath(dc.addresses[0] as ListenAddress);
  run({ env: { TEST_DC: `${path.address.host}:${path.address.port}` } });
  await worker.reaches('online');
  path.cut();
  worker.signal('SIGTERM');
  expect(await worker.exited).toBe(0);
  expect(stopMark()).toMatchObject({ clean: false });
  path.stop();
  const { places } = worker;
  run({ places });
  await worker.reaches('online');
  worker.signal('SIGTERM');
  expect(await worker.exited).toBe(0);
  expect(stopMark()).toMatchObject({ clean: true });
});

describe('a machine that was paused from outside: Telegram is later than its clocks', () => {
  test('while online: it closes and ends as the gate does, and is held until the operator starts it', async () => {
    run();
    await worker.reaches('online');
    dc.setClockSkew(3_600_000);
    expect(await worker.exited).toBe(77);
    expect(worker.notices).toMatch(/--status=gate: this machine stood still for 3\d\d\d s/);
    const { places } = worker;
    // What it sent before it heard was too old for Telegram.
    for (const { detail } of dc.world.violations.splice(0))
      expect(detail).toBe('message refused with code 16');
    const packets = account()?.connections.length;
    expect(await run({ places }).exited).toBe(77);
    // The second one has learnt Telegram's time without showing the key.
    expect(account()?.connections).toHaveLength(packets ?? 0);
    forgetStandstill(places, keyId);
    run({ places });
    await worker.reaches('online');
    expect(account()?.maxLive).toBe(1);
  });

  test('a clock that is wrong by a day, but steady, is no reason', async () => {
    dc.setClockSkew(-86_400_000);
    run();
    await worker.reaches('online');
    await sleep(1_500);
    expect(worker.status?.state).toBe('online');
  });
});

describe('every class of error leads to its state and exit code at once, without waiting for anything', () => {
  const ends: readonly [string, () => void, number, string][] = [
    ['revoked', () => dc.revoke(login.authKey), 65, 'needs-login'],
    ['unregistered', () => dc.revoke(login.authKey, 'unregistered'), 65, 'needs-login'],
    ['expired', () => dc.revoke(login.authKey, 'expired'), 65, 'needs-login'],
    ['banned', () => dc.deactivate(login.userId, 'banned'), 67, 'banned'],
    ['deactivated', () => dc.deactivate(login.userId), 67, 'banned'],
  ];
  test.each(ends)('%s before the start', async (_name, act, exitCode, state) => {
    act();
    const askedAt = performance.now();
    expect(await run().exited).toBe(exitCode);
    expect(performance.now() - askedAt).toBeLessThan(20_000);
    expect(worker.status?.state).toBe(state);
    // What systemd keeps after the end is how the operator learns why.
    expect(worker.notices).toContain(`--status=${worker.status?.reason}`);
  });

  test.each(ends)('%s while online', async (_name, act, exitCode, state) => {
    run();
    await worker.reaches('online');
    act();
    const askedAt = performance.now();
    expect(await worker.exited).toBe(exitCode);
    expect(performance.now() - askedAt).toBeLessThan(20_000);
    expect(worker.status?.state).toBe(state);
  });

  test('duplicated: the key is used elsewhere at the same time', async () => {
    run();
    await worker.reaches('online');
    const thief = new WorkerProcess({ release, dc, login, env: { TEST_SOURCE: '127.0.0.9' } });
    const askedAt = performance.now();
    expect(await worker.exited).toBe(66);
    expect(performance.now() - askedAt).toBeLessThan(20_000);
    expect(worker.status?.state).toBe('duplicated');
    // Telegram hangs up on the second one before it can say why; that one learns it at its second
    // try.
    expect(await thief.exited).toBe(66);
    expect(dc.report().kills).toHaveLength(1);
  });

  test('unknown key', async () => {
    dc.forgetKey(login.authKey);
    const askedAt = performance.now();
    expect(await run().exited).toBe(65);
    expect(performance.now() - askedAt).toBeLessThan(20_000);
    expect(dc.report().refusals).toHaveLength(3);
  });

  test('refused api id', async () => {
    dc.fault({
      method: 'help.getConfig',
      effect: { kind: 'error', code: 400, message: 'API_ID_INVALID' },
    });
    expect(await run().exited).toBe(68);
    expect(worker.status).toMatchObject({
      state: 'misconfigured',
      reason: expect.stringContaining('API_ID_INVALID'),
    });
  });

  test.each<[string, Partial<WorkerSetup>]>([
    ['session', { session: 'garbage' }],
    ['config', { config: { apiId: 'x' } }],
  ])('an unusable %s credential', async (word, setup) => {
    expect(await run(setup).exited).toBe(68);
    expect(worker.status).toMatchObject({
      state: 'misconfigured',
      reason: expect.stringContaining(word),
    });
    expect(dc.report().connectionsOpened).toBe(0);
  });

  test('flood wait: held in place with its end', async () => {
    run();
    await worker.reaches('online');
    dc.fault({
      method: 'users.getUsers',
      effect: { kind: 'error', code: 420, message: 'FLOOD_WAIT_300' },
    });
    await worker.reaches('flood-wait', 5000);
    expect(Date.parse(worker.status?.until ?? '') - Date.now()).toBeGreaterThan(290_000);
    expect(account()).toMatchObject({ liveNow: 1, maxLive: 1 });
  });
});

test('no Telegram at the start: waits with a reason, then comes online; READY does not wait for that', async () => {
  await dc.suspend();
  run();
  await expect.poll(() => worker.status?.reason, { timeout: 5000 }).toContain('ECONNREFUSED');
  expect(worker.status?.state).toBe('starting');
  expect(worker.notices).toContain('--ready');
  await dc.resume();
  await worker.reaches('online', 10_000);
});

test('a forced disconnect: back by itself', async () => {
  run();
  await worker.reaches('online');
  await expect
    .poll(() => worker.status?.counters.health_checks, { timeout: 3000 })
    .toBeGreaterThan(0);
  dc.disconnectAll();
  // The counter stays; the state in between may be over before a busy machine looks.
  await expect.poll(() => worker.status?.counters.lost_connections, { timeout: 15_000 }).toBe(1);
  await worker.reaches('online');
  expect(account()).toMatchObject({ maxLive: 1, liveNow: 1 });
});

test('the heartbeat: as often as the watchdog needs it', async () => {
  run({ env: { WATCHDOG_USEC: '900000' } });
  await worker.reaches('online');
  await expect
    .poll(() => worker.notices.split('\n').filter((line) => line === 'WATCHDOG=1').length, {
      timeout: 5000,
    })
    .toBeGreaterThan(2);
});

test('a claim that closes while it runs: no new connection', async () => {
  run();
  await worker.reaches('online');
  const { places } = worker;
  writeClaim(places, readClaim(places, keyId), claimOf({ state: 'releasing', successor: 'b' }));
  dc.disconnectAll();
  expect(await worker.exited).toBe(77);
  expect(worker.notices).toMatch(/--status=gate: .*releasing/);
  expect(dc.report().connectionsOpened).toBe(1);
});

test('with the flags of the unit: online, in 36 MB of private memory', async () => {
  const unit = readFileSync('templates/units/fleet-account@.service', 'utf8');
  const nodeFlags = /^Environment="FLEET_NODE_FLAGS=(.*)"$/m.exec(unit)?.[1] ?? '';
  expect(nodeFlags).toContain('--max-old-space-size');
  run({ nodeFlags });
  await worker.reaches('online');
  await sleep(1000);
  expect(worker.privateBytes).toBeGreaterThan(10e6);
  expect(worker.privateBytes).toBeLessThan(36 * 1024 ** 2);
});
