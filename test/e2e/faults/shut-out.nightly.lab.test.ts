/**
 * A host that has shut the operator's address out lives: fail2ban has banned it after refused
 * logins, or a firewall drops it. Nothing tells that from a dead host but the
 * other hosts, which still get through. fleet says so, waits, and moves nothing, though a fence is
 * at hand.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { noteFaultPoint } from '../fault-points.ts';
import type { Login } from '../operator.ts';
import {
  eventually,
  expectExclusive,
  importNew,
  listAccounts,
  liveStates,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

let world: World;
let logins: Login[];
const downAfterMs = 5_000;

beforeAll(async () => {
  world = await makeWorld({
    hosts: [1, 2],
    state: 'forgotten',
    accounts: 'sweep: { down_after: 5s }\n',
  });
  await prepareFleet(world);
  logins = await importNew(world, ['anna']);
  await must(world, 'hosts', 'cordon', 'h2');
  await must(world, 'allocate', '--all');
  await must(world, 'hosts', 'uncordon', 'h2');
  const fence = new URL('../lab-fence.ts', import.meta.url).pathname;
  const words = (act: string) =>
    JSON.stringify([process.execPath, fence, world.lab.name, act, '{host}']);
  const inventory = join(world.operator.directory, 'inventory.yaml');
  const text = await readFile(inventory, 'utf8');
  await writeFile(
    inventory,
    text.replace(
      'defaults: { ',
      `defaults: { fence: { off: ${words('off')}, verify: ${words('is-off')} }, `,
    ),
  );
});
afterAll(() => world?.end());

/** What the hint says: by way of the host that gets through. */
async function onHostThroughOther(command: string): Promise<void> {
  const { lab } = world;
  const [from = '', to = ''] = [lab.hosts[1]?.address, lab.hosts[0]?.address];
  const options = [
    '-F',
    'none',
    '-i',
    lab.keyFile,
    '-o',
    `UserKnownHostsFile=${lab.knownHostsFile}`,
    '-o',
    'BatchMode=yes',
  ];
  const proxy = ['ssh', ...options, '-W', '%h:%p', `root@${from}`].join(' ');
  const { code, stderr } = await lab.exec([
    'ssh',
    ...options,
    '-o',
    `ProxyCommand=${proxy}`,
    `root@${to}`,
    command,
  ]);
  expect({ command, code, stderr: code === 0 ? '' : stderr }).toEqual({
    command,
    code: 0,
    stderr: '',
  });
}

interface Swept {
  readonly hosts: readonly {
    readonly host: string;
    readonly health: string;
    readonly code: string | null;
  }[];
}

/** Sweeps for longer than it takes until a silent host counts as down: what is said of it. */
async function expectWaiting(words: RegExp): Promise<void> {
  await world.operator.json<Swept>(['sweep', '--auto-failover']);
  await sleep(downAfterMs);
  const swept = await world.operator.json<Swept>(['sweep', '--auto-failover']);
  expect(swept.hosts.map(({ host, health, code }) => [host, health, code])).toEqual([
    ['h1', 'healthy', 'ssh-refused'],
    ['h2', 'healthy', null],
  ]);
  const said = await world.operator.fleet(['sweep', '--auto-failover']);
  expect(`${said.stdout}${said.stderr}`).toMatch(words);
  for (const statement of ['--fence', '--destroyed']) {
    const refused = await world.operator.fleet(['failover', 'h1', statement, '--yes']);
    expect([statement, refused.code]).toEqual([statement, 3]);
    expect(refused.stderr).toMatch(words);
  }
  expect(await world.lab.isOn(1)).toBe(true);
  expect(await listAccounts(world)).toMatchObject([{ name: 'anna', host: 'h1' }]);
}

async function expectBack(): Promise<void> {
  await eventually(60_000, async () => expect(await liveStates(world)).toEqual({ anna: 'online' }));
  await expectExclusive(world, logins);
}

test('fail2ban has banned it after refused logins: named with its end, waited for, and lifted as the hint says', async () => {
  const { lab } = world;
  await lab.exec([
    'ssh-keygen',
    '-q',
    '-t',
    'ed25519',
    '-N',
    '',
    '-f',
    join(world.operator.directory, 'wrong'),
  ]);
  const wrong = [
    'ssh',
    '-F',
    'none',
    '-i',
    join(world.operator.directory, 'wrong'),
    '-o',
    `UserKnownHostsFile=${lab.knownHostsFile}`,
  ];
  const login = [
    ...wrong,
    '-o',
    'IdentitiesOnly=yes',
    '-o',
    'BatchMode=yes',
    '-o',
    'ConnectTimeout=3',
    `stranger@${lab.hosts[0]?.address}`,
    'true',
  ];
  await eventually(120_000, async () => {
    await lab.exec(login);
    expect((await lab.ssh(1, 'true')).code).not.toBe(0);
  });
  noteFaultPoint("the operator's address is banned by fail2ban");
  await expectWaiting(
    /h1: the host has banned this address \(10\.77\.0\.1\): fail2ban, until \d{4}-.*; h2 gets through to it/,
  );
  await onHostThroughOther('fail2ban-client set sshd unbanip 10.77.0.1');
  await expectBack();
});

test('a firewall drops it: no ban to be seen, and named all the same', async () => {
  await onHostThroughOther('iptables -w -I INPUT 1 -s 10.77.0.1 -j DROP');
  noteFaultPoint("the operator's address is dropped by the firewall of a host");
  await expectWaiting(
    /h1: the host takes no connections from this address \(10\.77\.0\.1\) now, and runs; h2 gets through to it/,
  );
  await onHostThroughOther('iptables -w -D INPUT -s 10.77.0.1 -j DROP');
  await expectBack();
});

test('a host that is dead for everybody is failed over as before', async () => {
  await world.lab.kill(1);
  await world.operator.json<Swept>(['sweep', '--auto-failover']);
  await sleep(downAfterMs);
  await world.operator.json<Swept>(['sweep', '--auto-failover']);
  expect(await listAccounts(world)).toMatchObject([{ name: 'anna', host: 'h2' }]);
  await expectBack();
});
