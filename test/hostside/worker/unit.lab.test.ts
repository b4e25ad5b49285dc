import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import type { ActReply, HostAct } from '../../../hostside/protocol/host-acts.ts';
import type { WorkerStatus } from '../../../hostside/protocol/worker.ts';
import type { SessionStringFormat } from '../../../src/model/session.ts';
import { buildHostFiles } from '../../../src/release/build-host-files.ts';
import { keyIdOf } from '../../../src/sessions/auth-key.ts';
import { formatSession } from '../../../src/sessions/format-session.ts';
import type { HostInitOutcome } from '../../../src/workflows/init/init.ts';
import { loadInitMaterials } from '../../../src/workflows/init/init-materials.ts';
import type { LoginCredentials } from '../../dc/server.ts';
import { type LabDataCentre, startLabDataCentre } from '../../e2e/lab-data-centre.ts';
import { connectLab, type Lab } from '../../lab/lab.ts';
import { initOnHost, labHost } from '../../workflows/init/init-on-host.ts';
import { askHelper, installHost } from '../helper/lab-host.ts';

/**
 * The worker contract (docs/custom-workers.md), kept by fleet's own worker and by the example in
 * Python side by side: in the real unit on a real host,
 * whose way to Telegram's addresses ends at the test data centre.
 */
class Worker {
  readonly name: string;
  readonly keyId: string;
  readonly unit: string;
  readonly #format: SessionStringFormat;
  readonly command: string | null;
  /** Of the account that it runs now. */
  login: LoginCredentials | null = null;

  constructor(name: string, digit: string, format: SessionStringFormat, command: string | null) {
    this.name = name;
    this.keyId = digit.repeat(32);
    this.unit = `fleet-account@${this.keyId}.service`;
    this.#format = format;
    this.command = command;
  }

  get userId(): string {
    return this.login?.userId ?? '';
  }

  get session(): string {
    const { dcId = 0, authKey = Buffer.alloc(0) } = this.login ?? {};
    return formatSession(
      {
        dataCentre: dcId,
        authKey,
        userId: null,
        isBot: false,
        testMode: false,
        keyId: keyIdOf(authKey),
      },
      this.#format,
    );
  }

  show = (property: string): Promise<string> => run(`systemctl show -P ${property} ${this.unit}`);
  status = async (): Promise<WorkerStatus> =>
    JSON.parse(
      await run(`cat /run/fleet-accounts/${this.keyId}/status.json || echo '{"counters":{}}'`),
    ) as WorkerStatus;

  async account() {
    const found = (await dc.report()).accounts.find(({ userId }) => userId === this.userId);
    if (found === undefined) throw new Error(`the data centre lost the account of ${this.name}`);
    return found;
  }
}

const bundled = new Worker('bundled', 'a', 'gramjs-string', null);
const python = new Worker('python', 'b', 'telethon-string', '/opt/fleet/python/worker/current/run');
const workers = [bundled, python];
const limits = {
  memoryMaxBytes: 200_000_000,
  memoryHighBytes: 150_000_000,
  cpuMaxCores: 0.5,
  tasksMax: 64,
};
const layer = resolve('test/dc/tl/layer-144.tl');

let lab: Lab;
let dc: LabDataCentre;
let serial = 0;
let users = 0;

/** The same of both at the same time; a failure says whose it is. */
const each = async (act: (worker: Worker) => Promise<void>): Promise<void> => {
  await Promise.all(
    workers.map((worker) =>
      act(worker).catch((error: unknown) => {
        if (error instanceof Error) error.message = `${worker.name}: ${error.message}`;
        throw error;
      }),
    ),
  );
};

beforeAll(async () => {
  lab = await connectLab();
  const starting = startLabDataCentre(lab, false, ['--layer', `144=${layer}`]);
  await lab.wipe(1);
  await installHost(lab, 1);
  await installWorker();
  await installPython();
  dc = await starting;
});
afterAll(async () => {
  await dc.stop();
  await lab.wipe(1);
});
afterEach(async () => {
  await ask(
    ...workers.map(
      ({ keyId }) =>
        ({ act: 'release', keyId, epoch: serial, moveId: `r${serial}`, successor: 'b' }) as const,
    ),
  );
  const report = await dc.report();
  expect(report.kills).toEqual([]);
  expect(
    report.violations.filter(({ detail }) => detail !== 'message refused with code 16'),
  ).toEqual([]);
  // A connection that lost its network in silence is still open for Telegram; what counts is that
  // it never speaks again.
  await each(async (worker) => {
    for (const overlap of (await worker.account()).overlaps)
      expect(overlap.olderSpokeAfter).toBe(false);
  });
});

const installWorker = async (): Promise<void> => {
  const directory = mkdtempSync(join(tmpdir(), 'fleet-bundle-'));
  await buildHostFiles(resolve('.'), directory);
  const input = readFileSync(join(directory, 'worker.cjs'));
  rmSync(directory, { recursive: true });
  const put = await lab.ssh(1, 'cat > /opt/fleet/current/lib/worker.cjs', { input });
  expect(put.code).toBe(0);
};

/**
 * The example as it ships, by `fleet init`; only the packages of an account host, which it does not
 * need, are left out. `more`: a further file.
 */
const installPython = async (more?: string): Promise<HostInitOutcome> => {
  const operator = mkdtempSync(join(tmpdir(), 'fleet-operator-'));
  const example = resolve('templates/examples/python-worker');
  const profile = parse(readFileSync(join(example, 'profiles/telethon-worker.yaml'), 'utf8')) as {
    packages: string[];
  };
  const base = parse(readFileSync(resolve('templates/profiles/python-worker.yaml'), 'utf8')) as {
    packages: string[];
  };
  mkdirSync(join(operator, 'profiles'));
  const packages = [...base.packages, ...profile.packages];
  writeFileSync(
    join(operator, 'profiles/telethon-worker.yaml'),
    stringify({ ...profile, extends: 'minimal', packages }),
  );
  cpSync(join(example, 'worker'), join(operator, 'worker'), { recursive: true });
  if (more !== undefined) writeFileSync(join(operator, 'worker', more), '');
  const own = {
    root: resolve('.'),
    ownDirectory: operator,
    profiles: ['telethon-worker'],
    runtimeMirror: null,
  };
  const host = labHost(lab, 1, 'telethon-worker');
  const outcome = await initOnHost(lab, host, await loadInitMaterials(own), {
    only: ['packages', 'python-worker'],
  });
  rmSync(operator, { recursive: true });
  expect(outcome.error).toBeNull();
  return outcome;
};

const ask = async (...acts: HostAct[]): Promise<readonly ActReply[]> => {
  serial += 1;
  const authority = { id: 'ledger-1', serial, nonce: `n${serial}`, deadlineMs: 60_000 };
  return (await askHelper(lab, 1, { format: 1, authority, acts })).replies;
};
const run = async (command: string): Promise<string> =>
  (await lab.ssh(1, command, { timeoutMs: 60_000 })).stdout.trim();

/**
 * New logins of new accounts, granted to the host. The reply is what the operator sees of their
 * coming online.
 */
const grant = async (): Promise<ActReply | undefined> => {
  for (const worker of workers) {
    users += 1;
    worker.login = await dc.addAccount({ userId: 900 + users });
  }
  const config = JSON.stringify({
    ...{
      format: 1,
      apiId: 4711,
      apiHash: 'api-hash-canary',
      deviceModel: 'PC',
      systemVersion: '12',
      appVersion: '1',
      langCode: 'en',
    },
    ...{ logLevel: 'info', healthIntervalMs: 500 },
  });
  const epoch = serial + 1;
  const about = ({ keyId, name: account }: Worker) => ({
    keyId,
    account,
    epoch,
    moveId: `m${epoch}`,
  });
  const replies = await ask(
    ...workers.map((worker): HostAct => {
      // What its client asks Telegram for in truth would be waited for after each end that is not
      // clean.
      const command = worker.command === null ? {} : { command: worker.command, lingerMs: 5_000 };
      return {
        act: 'stage',
        ...about(worker),
        session: worker.session,
        config,
        limits,
        ...command,
      };
    }),
    ...workers.map(
      (worker): HostAct => ({ act: 'grant', ...about(worker), vaultHash: 'a'.repeat(64) }),
    ),
    { act: 'await', keyIds: workers.map(({ keyId }) => keyId), timeoutMs: 45_000 },
  );
  return replies.at(-1);
};
const bothOnline = {
  result: { accounts: workers.map(({ keyId }) => ({ keyId, state: 'online', settled: true })) },
};

test('online inside the sandbox; systemd has been told and its watchdog is fed', async () => {
  expect(await grant()).toMatchObject(bothOnline);
  await each(async (worker) => {
    expect(await worker.show('ActiveState')).toBe('active');
    expect(await worker.show('StatusText')).toBe(`online, user ${worker.userId}`);
    expect(await worker.show('NRestarts')).toBe('0');
    const [connection] = (await worker.account()).connections;
    expect(connection?.asked).toMatch(/^149\.154\.167\.\d+:(80|443)$/);
    expect(connection?.peer.ip).toBe(lab.hosts[0]?.address);
    expect(connection?.init).toMatchObject({ apiId: 4711, deviceModel: 'PC', appVersion: '1' });
  });
  const commandLine = async (worker: Worker): Promise<string> =>
    run(`tr '\\0' ' ' < /proc/${await worker.show('MainPID')}/cmdline`);
  expect(await commandLine(bundled)).toMatch(
    /node --max-old-space-size=64 --optimize-for-size --v8-pool-size=1 --no-maglev --no-sparkplug --no-short-builtin-calls --expose-gc \S+worker\.cjs$/,
  );
  expect(await commandLine(python)).toMatch(
    /^\/opt\/fleet\/python\/worker\/releases\/[0-9a-f]{16}-3\.\d+\/venv\/bin\/python -u worker\.py$/,
  );
  // Without the runtime's own pages, which a single account on the host shares with nobody yet.
  const pid = await bundled.show('MainPID');
  expect(Number(await run(`awk '/^Anonymous/ {print $2}' /proc/${pid}/smaps_rollup`))).toBeLessThan(
    36 * 1024,
  );

  // The unit's watchdog would be fed once a minute; a shorter one shows it sooner.
  const dropIns = workers.map(({ unit }) => `/run/systemd/system/${unit}.d`).join(' ');
  await run(
    `for d in ${dropIns}; do mkdir -p $d; printf '[Service]\\nWatchdogSec=6\\n' ` +
      '>$d/50-watchdog.conf; done; systemctl daemon-reload',
  );
  await run(`systemctl restart ${workers.map(({ unit }) => unit).join(' ')}`);
  await sleep(13_000);
  await each(async (worker) => {
    expect(await worker.show('ActiveState')).toBe('active');
    expect(await worker.show('NRestarts')).toBe('0');
    await expect
      .poll(async () => (await worker.status()).state, { timeout: 30_000 })
      .toBe('online');
    const journal = await run(`journalctl -u ${worker.unit} -o cat`);
    expect(journal).toContain(`online, user ${worker.userId}`);
    expect(journal).not.toContain(worker.session.slice(20, 50));
    expect(journal).not.toContain('api-hash-canary');
  });
  await run(`rm -r ${dropIns}; systemctl daemon-reload`);
});

test('files that changed: init names the account that still runs the former ones, until it is started again', async () => {
  await grant();
  const pid = await python.show('MainPID');
  const former = (await run('readlink /opt/fleet/python/worker/current')).replace('releases/', '');
  expect((await installPython('more.py')).stale).toEqual([
    { keyId: python.keyId, release: former },
  ]);
  expect([await python.show('MainPID'), (await python.status()).state]).toEqual([pid, 'online']);
  await run(`systemctl restart ${python.unit}`);
  expect((await installPython('more.py')).stale).toEqual([]);
});

test('stop: away from Telegram within 10 s, and the end counts as clean', async () => {
  await grant();
  await each(async (worker) => {
    // Only what is online can be seen to go.
    await expect
      .poll(async () => (await worker.status()).state, { timeout: 60_000 })
      .toBe('online');
    const askedAt = Date.now();
    await run(`systemctl stop ${worker.unit}`);
    expect(Date.now() - askedAt).toBeLessThan(10_000);
    // The other end of the connection hears of it a moment later.
    const away = { liveNow: 0, maxLive: 1, connections: [{ closedBy: 'peer' }] };
    await expect.poll(() => worker.account(), { timeout: 60_000 }).toMatchObject(away);
    expect(await worker.show('Result')).toBe('success');
    expect(
      JSON.parse(await run(`cat /var/lib/private/fleet-accounts/${worker.keyId}/stopped.json`)),
    ).toMatchObject({ clean: true });
  });
});

test('a session that dies is not started again, and systemd keeps the reason', async () => {
  await grant();
  await each(async (worker) => {
    await dc.revoke(worker.login?.keyId ?? '');
    await expect.poll(() => worker.show('ActiveState'), { timeout: 60_000 }).toBe('failed');
    expect(await worker.show('ExecMainStatus')).toBe('65');
    expect(await worker.show('StatusText')).toContain('SESSION_REVOKED');
    await sleep(6000);
    expect(await worker.show('ActiveState')).toBe('failed');
    expect((await worker.account()).connections).toHaveLength(1);
  });
});

test('a host that loses its right says so before the next connection, and no connection is made', async () => {
  await grant();
  await run('mv /run/fleet-boot/verdict.json /run/fleet-boot/kept.json');
  await dc.disconnectAll();
  await each(async (worker) => {
    await expect.poll(() => worker.show('ActiveState'), { timeout: 60_000 }).toBe('failed');
    expect(await worker.show('ExecMainStatus')).toBe('77');
    expect(await worker.show('StatusText')).toContain('gate: this boot has no verdict');
    expect((await worker.account()).connections).toHaveLength(1);
  });
  await run('mv /run/fleet-boot/kept.json /run/fleet-boot/verdict.json');
});

test('Telegram is away at the start: up and supervised, not restarted, then online', async () => {
  await dc.suspend();
  // The control socket answers during an outage, too.
  const granting = grant();
  await each(async (worker) => {
    // A custom worker waits in the gate, which asks Telegram for its time.
    await expect
      .poll(async () => (await worker.status()).reason, { timeout: 30_000 })
      .toMatch(/ECONNREFUSED|Telegram does not answer/);
    expect(await worker.show('ActiveState')).toBe(worker === bundled ? 'active' : 'activating');
  });
  await dc.resume();
  expect(await granting).toMatchObject(bothOnline);
  await each(async (worker) => expect(await worker.show('NRestarts')).toBe('0'));
});

test('the network is cut without a word: noticed, the old connection never speaks again, and back when it heals', async () => {
  await grant();
  await lab.cut(1, 'drop');
  // A health check has 15 s.
  await sleep(22_000);
  await lab.heal(1);
  await each(async (worker) => {
    await expect
      .poll(async () => (await worker.status()).state, { timeout: 60_000 })
      .toBe('online');
    await expect
      .poll(async () => (await worker.account()).connections.length, { timeout: 30_000 })
      .toBeGreaterThan(1);
    await expect
      .poll(async () => (await worker.status()).state, { timeout: 60_000 })
      .toBe('online');
    await sleep(3000);
    expect(await worker.show('NRestarts')).toBe('0');
  });
  const { failed_health_checks: unanswered = 0, lost_connections: lost = 0 } = (
    await bundled.status()
  ).counters;
  expect(unanswered + lost).toBe(1);
  expect((await python.status()).counters.lost_connections).toBe(1);
});

test('a machine that was paused while its accounts went on elsewhere: held at the first word of Telegram, until the operator starts them', async () => {
  await grant();
  const units = workers.map(({ unit }) => unit).join(' ');
  // The freezer stops no clock: instead Telegram's goes ahead meanwhile, which looks the same from
  // inside.
  await run(`for u in ${units}; do systemctl freeze $u; done`);
  await dc.setClockSkew(3_600_000);
  await run(`for u in ${units}; do systemctl thaw $u; done`);
  // Fleet's own worker hears it on its connection; another one learns it from the gate, before its
  // next.
  await dc.disconnectAll(python.userId);
  await each(async (worker) => {
    await expect.poll(() => worker.show('ActiveState'), { timeout: 60_000 }).toBe('failed');
    expect(await worker.show('ExecMainStatus')).toBe('77');
    expect(await worker.show('StatusText')).toMatch(
      /gate: this machine stood still for 3[56]\d\d s/,
    );
    const { length } = (await worker.account()).connections;
    await run(`systemctl reset-failed ${worker.unit}; systemctl start ${worker.unit} || true`);
    await expect.poll(() => worker.show('ExecMainStatus'), { timeout: 60_000 }).toBe('77');
    expect((await worker.account()).connections).toHaveLength(length);
  });
  await ask(...workers.map(({ keyId }) => ({ act: 'start', keyId }) as const));
  await each((worker) =>
    expect.poll(async () => (await worker.status()).state, { timeout: 60_000 }).toBe('online'),
  );
  await each(async (worker) => expect((await worker.account()).maxLive).toBe(1));
  const refusedAsOld = (await dc.report()).violations.filter(
    ({ detail }) => detail === 'message refused with code 16',
  );
  expect((await dc.report()).violations).toEqual(refusedAsOld);
});
