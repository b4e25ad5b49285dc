/**
 * Rows of docs/exclusivity.md for real: hosts that were failed over come back, again and again. The
 * data centre counts connections, and lets those of the dead linger.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { noteFaultPoint } from '../fault-points.ts';
import { fleetOnTerminal } from '../fleet-on-terminal.ts';
import { type LabDataCentre, startLabDataCentre } from '../lab-data-centre.ts';
import { hostNumber, hostOf } from '../move-looks.ts';
import type { Login } from '../operator.ts';
import {
  eventually,
  expectNoKills,
  expireContact,
  importNew,
  labOfThisFile,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

let dc: LabDataCentre;
let world: World;
let anna: Login;
beforeAll(async () => {
  dc = await startLabDataCentre(await labOfThisFile(), false);
  world = await makeWorld({ hosts: [1, 2, 3], state: 'forgotten', dc });
  await rewrite('settle_unclean: 5s', 'settle_unclean: 30s');
  const fence = new URL('../lab-fence.ts', import.meta.url).pathname;
  const words = (act: string) =>
    JSON.stringify([process.execPath, fence, world.lab.name, act, '{host}']);
  await rewrite(
    'defaults: { max_accounts: 20 }',
    `defaults: { max_accounts: 20, fence: { off: ${words('off')}, verify: ${words('is-off')} } }`,
  );
  await prepareFleet(world);
  anna = (await importNew(world, ['anna']))[0] as Login;
  await must(world, 'allocate', '--all');
}, 300_000);
afterAll(async () => {
  await world?.end();
  await dc?.stop();
});

async function rewrite(before: string, after: string): Promise<void> {
  const path = join(world.operator.directory, 'inventory.yaml');
  await writeFile(path, (await readFile(path, 'utf8')).replace(before, after));
}

/** Where the data centre sees anna's connections that are still open. */
async function usersOfAnna(): Promise<readonly (string | undefined)[]> {
  const key = (await world.dc.report()).accounts.find(({ keyId }) => keyId === anna.dcKeyId);
  const open = key?.connections.filter(({ closedAt }) => closedAt === null) ?? [];
  return open.map(({ peer }) => world.lab.hosts.find(({ address }) => address === peer.ip)?.name);
}

const workersOn = async (host: number): Promise<string> =>
  (await world.lab.ssh(host, `systemctl is-active fleet-account@${anna.keyId}`)).stdout.trim();
const claimOn = async (host: number): Promise<string> =>
  (await world.lab.ssh(host, `tr -d '\\0' < /var/lib/fleet/claims/${anna.keyId}.claim`)).stdout;
/** Logins are taken before the boot has ended. */
const hasBooted = (host: number) =>
  world.lab.ssh(host, 'systemctl is-system-running --wait || true', { timeoutMs: 60_000 });

async function boot(host: number): Promise<void> {
  await world.lab.start(host);
  await hasBooted(host);
}

async function reboot(host: number): Promise<void> {
  await world.lab.reboot(host);
  await hasBooted(host);
}

/**
 * As if `hold.after` and the margin had passed since its last contact, and it had been switched off
 * since.
 */
async function offForLong(host: number): Promise<void> {
  await expireContact(world, host);
  await world.lab.kill(host);
  const earlier =
    'set contact_intent_at = contact_intent_at - 3600000, may_boot_until = may_boot_until ' +
    '- 3600000';
  changeLedger(`update hosts ${earlier} where name = 'h${host}'`);
}

function changeLedger(statement: string): void {
  const database = new Database(join(world.operator.directory, 'fleet.db'));
  database.prepare(statement).run();
  database.close();
}

/** Anna's host is off and failed over. Gives both, by number. */
async function failedOver(): Promise<{ readonly lost: number; readonly owner: number }> {
  const lost = hostNumber(hostOf(world, 'anna'));
  await offForLong(lost);
  await must(world, 'failover', `h${lost}`, '--powered-off');
  const owner = hostNumber(hostOf(world, 'anna'));
  expect(owner).not.toBe(lost);
  return { lost, owner };
}

async function expectOnlyOn(owner: number | null, idle: number): Promise<void> {
  expect(await workersOn(idle)).not.toBe('active');
  await eventually(60_000, async () =>
    expect(await usersOfAnna()).toEqual(owner === null ? [] : [`h${owner}`]),
  );
  await expectNoKills(world);
}

/**
 * Each story ends with every key alive, every host there and in contact, and the account online.
 */
afterEach(async () => {
  for (const host of [1, 2, 3]) {
    await world.lab.heal(host);
    await boot(host);
  }
  await must(world, 'sweep');
  await eventually(60_000, async () =>
    expect(await usersOfAnna()).toEqual([hostOf(world, 'anna')]),
  );
  await expectNoKills(world);
});

const story = (name: string, act: () => Promise<void>): void =>
  test(name, { timeout: 300_000 }, async () => {
    await act();
    noteFaultPoint(`row ${name}`);
  });

story(
  '34: a host that was failed over boots, hears of something else, and reboots within hold.after',
  async () => {
    const { lost, owner } = await failedOver();
    await boot(lost);
    await expectOnlyOn(owner, lost);
    // The survey of a first placement, not a sweep.
    await importNew(world, ['ben']);
    await must(world, 'allocate', 'ben');
    expect(await claimOn(lost)).toContain('"revoked"');
    await reboot(lost);
    await expectOnlyOn(owner, lost);
    await must(world, 'accounts', 'remove', 'ben');
  },
);

story(
  '35: the account is exported while the host is away that had it; it is swept, and reboots',
  async () => {
    const { lost } = await failedOver();
    await must(
      world,
      'accounts',
      'export',
      'anna',
      '--format',
      'telethon-string',
      '--output',
      `${world.operator.directory}/anna-${lost}.txt`,
    );
    await boot(lost);
    await must(world, 'sweep');
    await reboot(lost);
    await expectOnlyOn(null, lost);
    expect(await claimOn(lost)).toContain('"revoked"');
    await must(world, 'accounts', 'import', anna.path);
    await must(world, 'allocate', 'anna');
  },
);

story(
  '36: what counts as off answers once and dies: it does not count as off any more',
  async () => {
    const { lost, owner } = await failedOver();
    await boot(lost);
    await must(world, 'sweep');
    await world.lab.kill(lost);
    const { code, stderr } = await world.operator.fleet([
      'failover',
      `h${lost}`,
      '--powered-off',
      '--yes',
    ]);
    expect([code, stderr]).toEqual([
      3,
      expect.stringMatching(/cannot count as switched off before/),
    ]);
    await boot(lost);
    await expectOnlyOn(owner, lost);
  },
);

story(
  '39: a fence is verified, a host does not answer, and the machine is switched on: the ' +
    'next sweep asks the fence again',
  async () => {
    const lost = hostNumber(hostOf(world, 'anna'));
    const [other = 0] = [1, 2, 3].filter((host) => host !== lost);
    await must(world, 'hosts', 'cordon', `h${other}`);
    await world.lab.cut(lost, 'out');
    await world.lab.cut(other);
    const { code } = await world.operator.fleet(['failover', `h${lost}`, '--fence', '--yes']);
    expect([code, await world.lab.isOn(lost)]).toEqual([3, false]);
    // Before it is on: its workers start, and nobody may see them.
    await world.lab.cut(lost);
    await world.lab.start(lost);
    await world.lab.heal(other);
    const swept = await world.operator.fleet(['sweep', '--yes']);
    expect([swept.code, swept.stderr]).toEqual([
      3,
      expect.stringMatching(new RegExp(`h${lost} is no longer off: nothing was started elsewhere`)),
    ]);
    expect(hostOf(world, 'anna')).toBe(`h${lost}`);
    await expectNoKills(world);
    await must(world, 'hosts', 'uncordon', `h${other}`);
    // It is reached again: the failover ends, and the sweep after this one starts the account where
    // it was.
    await world.lab.heal(lost);
    const met = await world.operator.fleet(['sweep', '--yes']);
    expect([met.code, met.stderr]).toEqual([
      3,
      expect.stringContaining(`h${lost} answers again and owns anna, which stays there`),
    ]);
  },
);

story(
  '40: another pipeline tells the host a longer hold.after: its boot is judged by what ' +
    'the contact said',
  async () => {
    const lost = hostNumber(hostOf(world, 'anna'));
    await world.lab.ssh(
      lost,
      `sed -i 's/"holdAfterMs": *[0-9]*/"holdAfterMs":7200000/' /etc/fleet/host.json`,
    );
    const { owner } = await failedOver();
    await boot(lost);
    await expectOnlyOn(owner, lost);
    await must(world, 'init', '--limit', `h${lost}`);
  },
);

story(
  '42: a container restarts under the same boot id, long after the last contact: it holds',
  async () => {
    const host = hostNumber(hostOf(world, 'anna'));
    const bootId = async () =>
      (await world.lab.ssh(host, 'cat /proc/sys/kernel/random/boot_id')).stdout;
    // The lab gives each boot an id of its own, by mounts on that file; containers of other kinds
    // show that of their kernel.
    const unit = `[Unit]
DefaultDependencies=no
Before=sysinit.target fleet-hold.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'while umount /proc/sys/kernel/random/boot_id; do :; done'
[Install]
RequiredBy=fleet-hold.service`;
    const install =
      'cat > /etc/systemd/system/lab-boot-id.service; systemctl enable -q lab-boot-id';
    expect((await world.lab.ssh(host, install, { input: unit })).code).toBe(0);
    await reboot(host);
    await eventually(60_000, async () => expect(await usersOfAnna()).toEqual([`h${host}`]));
    await must(world, 'sweep');
    const before = await bootId();
    await expireContact(world, host);
    await reboot(host);
    expect(await bootId()).toBe(before);
    await expectOnlyOn(null, host);
    await world.lab.ssh(
      host,
      'systemctl disable -q lab-boot-id; rm /etc/systemd/system/lab-boot-id.service',
    );
  },
);

story(
  '43: the question of a failover waits while its host returns, is swept and dies: the ' +
    'answer comes too late',
  async () => {
    const lost = hostNumber(hostOf(world, 'anna'));
    await offForLong(lost);
    const run = fleetOnTerminal(world.operator, ['failover', `h${lost}`, '--powered-off']);
    await run.shows('(y/N)');
    run.signal('SIGSTOP');
    // A minute later nobody waits for a lock whose owner is silent.
    changeLedger('update lock set expires_at = 0');
    await boot(lost);
    await must(world, 'sweep');
    await eventually(60_000, async () => expect(await usersOfAnna()).toEqual([`h${lost}`]));
    await world.lab.kill(lost);
    run.signal('SIGCONT');
    run.type('y\r');
    expect([await run.ends(), run.shown()]).toEqual([
      3,
      expect.stringContaining('was heard since this failover was planned'),
    ]);
    expect(hostOf(world, 'anna')).toBe(`h${lost}`);
    await boot(lost);
    await expectNoKills(world);
  },
);

story(
  'K8: a host that was declared destroyed runs on, and answers: the first contact stops ' +
    'and revokes, and the sweep shouts',
  async () => {
    const lost = hostNumber(hostOf(world, 'anna'));
    await world.lab.cut(lost);
    await must(world, 'failover', `h${lost}`, '--destroyed');
    const owner = hostNumber(hostOf(world, 'anna'));
    // Until that contact nothing keeps it from Telegram: the statement was false. Here Telegram is
    // away meanwhile.
    await world.dc.suspend();
    await world.lab.heal(lost);
    expect(await workersOn(lost)).toBe('active');
    const swept = await world.operator.fleet(['sweep', '--yes']);
    expect([swept.code, swept.stderr]).toEqual([
      3,
      expect.stringContaining(
        `h${lost} was declared destroyed and ANSWERS: its claims on anna were outdated: ` +
          'stopped and revoked',
      ),
    ]);
    expect(swept.stderr).toMatch(
      new RegExp(
        `h${lost} RAN anna at epoch \\d+, which was outdated; it was stopped and its claim revoked`,
      ),
    );
    expect(await must(world, 'events')).toMatch(/destroyed-host-answers/);
    expect(await claimOn(lost)).toContain('"revoked"');
    await world.dc.resume();
    await expectOnlyOn(owner, lost);
  },
);

story(
  '46: the folders are put back from a backup in a boot that had no claims: what was not ' +
    'judged is held',
  async () => {
    const lost = hostNumber(hostOf(world, 'anna'));
    await world.lab.ssh(lost, 'tar -C / -cpf /root/fleet.tar var/lib/fleet && sync');
    const { owner } = await failedOver();
    await boot(lost);
    await must(world, 'sweep');
    await reboot(lost);
    expect(
      (await world.lab.ssh(lost, 'tar -C / -xpf /root/fleet.tar && rm /root/fleet.tar')).code,
    ).toBe(0);
    await world.lab.ssh(lost, `systemctl start fleet-account@${anna.keyId}`);
    await expectOnlyOn(owner, lost);
  },
);
