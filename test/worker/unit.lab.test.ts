import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ActReply, HostAct } from '../../agent/protocol/host-acts.ts';
import type { WorkerStatus } from '../../agent/protocol/worker.ts';
import { buildHostFiles } from '../../src/release/build-host-files.ts';
import { askHelper, installHost } from '../agent/lab-host.ts';
import { gramSession } from '../dc/gram-session.ts';
import type { LoginCredentials } from '../dc/server.ts';
import { type LabDataCentre, startLabDataCentre } from '../e2e/lab-data-centre.ts';
import { type Lab, startLab } from '../lab/lab.ts';

/** The bundled worker in the real unit on a real host, whose way to Telegram's addresses ends at the test data centre. */
const keyId = '0123456789abcdef0123456789abcdef';
const unit = `fleet-account@${keyId}.service`;
const limits = { memoryMaxBytes: 200_000_000, memoryHighBytes: 150_000_000, cpuMaxCores: 0.5, tasksMax: 64 };

let lab: Lab;
let dc: LabDataCentre;
let login: LoginCredentials;
let serial = 0;
let users = 0;

beforeAll(async () => {
  lab = await startLab({ hosts: 1 });
  await installHost(lab, 1);
  await installWorker();
  dc = await startLabDataCentre(lab, true);
});
afterAll(async () => {
  dc.stop();
  await lab.down();
});
afterEach(async () => {
  await ask({ act: 'release', keyId, epoch: serial, moveId: `r${serial}`, successor: 'b' });
  const report = await dc.report();
  expect(report.kills).toEqual([]);
  expect(report.violations).toEqual([]);
  // A connection that lost its network in silence is still open for Telegram; what counts is that it never speaks again.
  for (const overlap of (await account()).overlaps) expect(overlap.olderSpokeAfter).toBe(false);
});

const installWorker = async (): Promise<void> => {
  const directory = mkdtempSync(join(tmpdir(), 'fleet-bundle-'));
  await buildHostFiles(resolve('.'), directory);
  const input = readFileSync(join(directory, 'worker.cjs'));
  rmSync(directory, { recursive: true });
  const put = await lab.ssh(1, 'cat > /opt/fleet/current/lib/worker.cjs', { input });
  expect(put.code).toBe(0);
};

const ask = async (...acts: HostAct[]): Promise<readonly ActReply[]> => {
  serial += 1;
  const authority = { id: 'ledger-1', serial, nonce: `n${serial}`, deadlineMs: 60_000 };
  return (await askHelper(lab, 1, { format: 1, authority, acts })).replies;
};
const run = async (command: string): Promise<string> => (await lab.ssh(1, command, { timeoutMs: 60_000 })).stdout.trim();
const show = async (property: string): Promise<string> => run(`systemctl show -P ${property} ${unit}`);
const status = async (): Promise<WorkerStatus> => JSON.parse(await run(`cat /run/fleet-accounts/${keyId}/status.json`)) as WorkerStatus;
const account = async () => {
  const found = (await dc.report()).accounts.find(({ userId }) => userId === login.userId);
  if (found === undefined) throw new Error('the data centre lost its account');
  return found;
};

/** A new login of a new account, granted to the host. The reply is what the operator sees of its coming online. */
const grant = async (): Promise<ActReply | undefined> => {
  users += 1;
  login = await dc.addAccount({ userId: 900 + users });
  const config = JSON.stringify({
    ...{ format: 1, apiId: 4711, apiHash: 'api-hash-canary', deviceModel: 'PC', systemVersion: '12', appVersion: '1', langCode: 'en' },
    ...{ logLevel: 'info', healthIntervalMs: 500 },
  });
  const epoch = serial + 1;
  const [, , awaited] = await ask(
    { act: 'stage', keyId, account: 'anna', epoch, moveId: `m${epoch}`, session: gramSession(login), config, limits },
    { act: 'grant', keyId, account: 'anna', epoch, moveId: `m${epoch}`, vaultHash: 'a'.repeat(64) },
    { act: 'await', keyIds: [keyId], timeoutMs: 30_000 },
  );
  return awaited;
};

test('online inside the sandbox; systemd has been told and its watchdog is fed', async () => {
  expect(await grant()).toMatchObject({ result: { accounts: [{ state: 'online', settled: true }] } });
  expect(await show('ActiveState')).toBe('active');
  expect(await show('StatusText')).toBe(`online, user ${login.userId}`);
  expect(await show('NRestarts')).toBe('0');
  const [connection] = (await account()).connections;
  expect(connection?.asked).toBe('149.154.167.51:80');
  expect(connection?.peer.ip).toBe(lab.hosts[0]?.address);

  // The unit's watchdog would be fed once a minute; a shorter one shows it sooner.
  await run(
    `mkdir -p /run/systemd/system/${unit}.d; printf '[Service]\\nWatchdogSec=3\\n' > /run/systemd/system/${unit}.d/50-watchdog.conf`,
  );
  await run(`systemctl daemon-reload; systemctl restart ${unit}`);
  await sleep(8000);
  expect(await show('ActiveState')).toBe('active');
  expect(await show('NRestarts')).toBe('0');
  expect((await status()).state).toBe('online');
  await run(`rm -r /run/systemd/system/${unit}.d; systemctl daemon-reload`);

  const journal = await run(`journalctl -u ${unit} -o cat`);
  expect(journal).toContain(`online, user ${login.userId}`);
  expect(journal).not.toContain(gramSession(login).slice(10, 40));
  expect(journal).not.toContain('api-hash-canary');
  const pid = await show('MainPID');
  expect(await run(`tr '\\0' ' ' < /proc/${pid}/cmdline`)).toMatch(/node --max-old-space-size=64 --optimize-for-size \S+worker\.cjs$/);
  // Without the runtime's own pages, which a single account on the host shares with nobody yet.
  expect(Number(await run(`awk '/^Anonymous/ {print $2}' /proc/${pid}/smaps_rollup`))).toBeLessThan(36 * 1024);
});

test('stop: away from Telegram within 10 s, and the end counts as clean', async () => {
  await grant();
  const askedAt = Date.now();
  await run(`systemctl stop ${unit}`);
  expect(Date.now() - askedAt).toBeLessThan(10_000);
  expect(await account()).toMatchObject({ liveNow: 0, maxLive: 1, connections: [{ closedBy: 'peer' }] });
  expect(await show('Result')).toBe('success');
  expect(JSON.parse(await run(`cat /var/lib/private/fleet-accounts/${keyId}/stopped.json`))).toMatchObject({ clean: true });
});

test('a session that dies is not started again, and systemd keeps the reason', async () => {
  await grant();
  await dc.revoke(login.keyId);
  await expect.poll(() => show('ActiveState'), { timeout: 10_000 }).toBe('failed');
  expect(await show('ExecMainStatus')).toBe('65');
  expect(await show('StatusText')).toContain('SESSION_REVOKED');
  await sleep(6000);
  expect(await show('ActiveState')).toBe('failed');
  expect((await account()).connections).toHaveLength(1);
});

test('Telegram is away at the start: up and supervised, not restarted, then online', async () => {
  await dc.suspend();
  // The control socket answers during an outage, too.
  const granting = grant();
  await expect.poll(async () => (await status()).reason, { timeout: 20_000 }).toContain('ECONNREFUSED');
  expect(await show('ActiveState')).toBe('active');
  await dc.resume();
  expect(await granting).toMatchObject({ result: { accounts: [{ state: 'online' }] } });
  expect(await show('NRestarts')).toBe('0');
});

test('the network is cut without a word: noticed, the old connection never speaks again, and back when it heals', async () => {
  await grant();
  await lab.cut(1, 'drop');
  // A health check has 15 s.
  await sleep(22_000);
  await lab.heal(1);
  await expect.poll(async () => (await status()).state, { timeout: 60_000 }).toBe('online');
  expect((await status()).counters.failed_health_checks).toBe(1);
  await sleep(3000);
  expect((await account()).connections.length).toBeGreaterThan(1);
  expect(await show('NRestarts')).toBe('0');
});
