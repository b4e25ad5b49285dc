/**
 * `ssh.sudo: narrow` on real hosts: what the login user may still do as root, that every command of
 * the day works under it, and the ways back.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { importNew, listAccounts, liveStates, makeWorld, must, type World } from '../world.ts';

let world: World;
beforeAll(async () => {
  world = await makeWorld({ hosts: [1, 2], state: 'forgotten' });
  const path = join(world.operator.directory, 'inventory.yaml');
  await writeFile(path, (await readFile(path, 'utf8')).replace(', ssh: { user: root }', ''));
  await must(world, 'hosts', 'trust');
  await must(world, 'vault', 'create-key');
});
afterAll(async () => {
  await Promise.all(
    [1, 2].map((host) =>
      world?.lab.ssh(host, 'rm -f /etc/sudoers.d/zz-fleet; passwd -q -l ubuntu; true'),
    ),
  );
  await world?.end();
});

/** The login user's settings, in place of those that stand there. */
async function login(settings: string): Promise<void> {
  const path = join(world.operator.directory, 'inventory.yaml');
  const text = await readFile(path, 'utf8');
  await writeFile(
    path,
    text.replace(
      /^ssh: \{ user: ubuntu,(?: sudo: narrow, \S+ \S+,)?/m,
      `ssh: { user: ubuntu,${settings}`,
    ),
  );
}
const asUbuntu = (host: number, command: string, input?: string) =>
  world.lab.ssh(host, command, {
    user: 'ubuntu',
    timeoutMs: 60_000,
    ...(input === undefined ? {} : { input }),
  });
const isWide = async (host: number): Promise<boolean> =>
  (await asUbuntu(host, 'sudo -n true')).code === 0;

const program = '/opt/fleet/current/bin/fleet-sudo';
const marker = `fleet-${'a1'.repeat(9)}`;
const act = (words: string): string => `sudo -n ${program} ${marker} 20 ${words}`;
const keyId = 'c'.repeat(32);

test('a way back that does not work is found while there still is another one', async () => {
  await login(' sudo: narrow, sudo_password: env:UBUNTU_PASSWORD,');
  await Promise.all([1, 2].map((host) => world.lab.ssh(host, 'echo ubuntu:right-one | chpasswd')));
  const wrong = await world.operator.fleet(['init', '--yes', '--limit', 'h1'], {
    env: { UBUNTU_PASSWORD: 'wrong-one' },
  });
  console.log(wrong.stderr.trim().split('\n').slice(-4).join('\n'));
  expect(wrong.code).not.toBe(0);
  expect(wrong.stderr + wrong.stdout).toMatch(
    /no fresh SSH connection came through[\s\S]*taken back/,
  );
  expect(await isWide(1)).toBe(true);
  const right = await world.operator.fleet(['init', '--yes'], {
    env: { UBUNTU_PASSWORD: 'right-one' },
  });
  expect([right.code, await isWide(1), right.stdout.includes('right-one')]).toEqual([
    0,
    false,
    false,
  ]);
  // With the password the whole right is there, and without it the commands of the day still work:
  // it is not even read.
  expect(
    (
      await world.operator.fleet(['exec', 'h1', '--root', '--', 'id', '-u'], {
        env: { UBUNTU_PASSWORD: 'right-one' },
      })
    ).stdout,
  ).toMatch(/\b0\b/);
  expect((await world.operator.fleet(['sweep', '--yes'])).code).toBe(0);
});

test('the login user is left the acts of the helper, and no word of theirs becomes a path, an option or a command', async () => {
  await login(' sudo: narrow, init_user: root,');
  await must(world, 'init');
  expect(await must(world, 'init', '--check')).toMatch(/ready/);
  expect([await isWide(1), await isWide(2)]).toEqual([false, false]);
  const { code, stdout, stderr } = await asUbuntu(1, act('nothing'));
  expect([code, stdout.startsWith(marker), stderr.startsWith(marker)]).toEqual([0, true, true]);
  const survey = await asUbuntu(1, act('helper'), '{"format":1,"acts":[{"act":"survey"}]}\n');
  expect(survey.stdout).toContain('"kind":"survey"');
  const refused = [
    'sudo -n /bin/sh -c id',
    'sudo -n /opt/fleet/current/bin/fleet-host',
    'sudo -n /opt/fleet/current/runtime/bin/node -e 1',
    'sudo -n -u nobody true',
    'sudo -n sudoedit /etc/shadow',
    `sudo -n NODE_OPTIONS=--version ${program} ${marker} 20 helper`,
    `sudo -n --preserve-env=NODE_OPTIONS ${program} ${marker} 20 helper`,
    `sudo -n ${program}x ${marker} 20 nothing`,
    `sudo -n ${program} 'x;id' 20 nothing`,
    `sudo -n ${program} ${marker} '20 id' nothing`,
    `sudo -n ${program} ${marker} -20 nothing`,
    act('sh -c id'),
    act('silences ../../etc/shadow'),
    act(`silences '${'a'.repeat(31)}*'`),
    act(`logs '*' 5 all all once`),
    act(`logs all '5 --file=/etc/shadow' all all once`),
    act(`logs all 5 --file=/etc/shadow all once`),
    act(`logs all 5 all '1 --root=/' once`),
    act(`logs all 5 all all --file=/etc/shadow`),
    act(`retire ssh.service`),
    act(`retire ${keyId} ../../../etc`),
    act(`stop '1 2'`),
  ];
  const outcomes = await Promise.all(
    refused.map(async (command) => ({ command, ...(await asUbuntu(1, command)) })),
  );
  expect(
    outcomes
      .filter((outcome) => outcome.code === 0 || /uid=0|root:/.test(outcome.stdout))
      .map(({ command }) => command),
  ).toEqual([]);
  // A host whose sudo keeps the caller's variables: the helper still works on its own files.
  await world.lab.ssh(
    1,
    `printf 'Defaults !env_reset\\n' >/etc/sudoers.d/zzz-kept && chmod 440 /etc/sudoers.d/zzz-kept`,
  );
  const kept = await asUbuntu(
    1,
    `mkdir -p /tmp/theirs; export FLEET_ROOT=/tmp/theirs; ${act('helper')}; find /tmp/theirs`,
    '{"format":1,"acts":[{"act":"survey"}]}\n',
  );
  await world.lab.ssh(1, 'rm /etc/sudoers.d/zzz-kept');
  expect(kept.stdout).toMatch(/"kind":"survey"[\s\S]*\/tmp\/theirs\n$/);
  expect(/"instanceId":"[^"]*"/.exec(kept.stdout)?.[0]).toBe(
    /"instanceId":"[^"]*"/.exec(survey.stdout)?.[0],
  );
  // What the caller did not start lives on: the agent, systemd, another user's process.
  const agent = (await world.lab.ssh(1, 'systemctl show -P MainPID fleet-agent')).stdout.trim();
  for (const pid of ['1', agent]) await asUbuntu(1, act(`stop ${pid}`));
  expect((await world.lab.ssh(1, 'systemctl show -P MainPID fleet-agent')).stdout.trim()).toBe(
    agent,
  );
  // A worker's file that has become a link is not followed as root.
  const look =
    `mkdir -p /run/fleet-accounts/${keyId} && ln -sf /etc/shadow /run/fleet-accounts/${keyId}` +
    '/silences.json';
  expect((await world.lab.ssh(1, look)).code).toBe(0);
  expect((await asUbuntu(1, act(`silences ${keyId}`))).stdout).not.toContain('root:');
  await world.lab.ssh(1, `rm -r /run/fleet-accounts/${keyId}`);
});

test('every command of the day works under it, doctor says that it is narrow, and whoever widens it again is found', async () => {
  await importNew(world, ['anna', 'ben']);
  await must(world, 'allocate', '--all');
  expect(await liveStates(world)).toEqual({ anna: 'online', ben: 'online' });
  await must(world, 'sweep');
  const owner = (await listAccounts(world)).find(({ name }) => name === 'anna')?.host;
  await must(world, 'move', 'anna', owner === 'h1' ? 'h2' : 'h1');
  await must(world, 'accounts', 'stop', 'ben');
  await must(world, 'accounts', 'start', 'ben');
  await must(world, 'scripts', 'push');
  expect(
    await must(world, 'logs', 'anna', '--lines', '5', '--level', 'info', '--since', '1h'),
  ).toMatch(/\d{4}-\d\d-\d\dT/);
  await must(world, 'patch', 'h1', '--dry-run');
  expect((await world.operator.fleet(['exec', 'h1', '--root', '--', 'id', '-u'])).stdout).toMatch(
    /\b0\b/,
  );
  const doctor = async () =>
    (await world.operator.json<{ findings: { where: string; text: string }[] }>(['doctor']))
      .findings;
  const about = async () =>
    (await doctor())
      .filter(({ text }) => /sudo/.test(text))
      .map(({ where, text }) => `${where}: ${text}`);
  expect((await about()).filter((text) => !text.endsWith('sudo narrow'))).toEqual([]);
  await world.lab.ssh(1, `echo 'ubuntu ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/zzz-later`);
  expect(await about()).toContainEqual(expect.stringMatching(/h1: .*still do everything by sudo/));
  await world.lab.ssh(
    1,
    'rm /etc/sudoers.d/zzz-later; chmod 000 /opt/fleet/current/bin/fleet-sudo',
  );
  expect(await about()).toContainEqual(
    expect.stringMatching(/h1: sudo does not let the login user run/),
  );
  await world.lab.ssh(1, 'chmod 755 /opt/fleet/current/bin/fleet-sudo');
});

test('the ways back: full in the inventory, and uninstall', async () => {
  await must(world, 'accounts', 'remove', 'anna', 'ben');
  await must(world, 'uninstall', 'h2');
  expect([await isWide(2), (await world.lab.ssh(2, 'ls /etc/sudoers.d')).stdout]).toEqual([
    true,
    expect.not.stringContaining('zz-fleet'),
  ]);
  await login('');
  // Still narrow on the host: the everyday user cannot run init, and is told so.
  const narrowed = await world.operator.fleet(['init', '--yes', '--limit', 'h1']);
  console.log(narrowed.stderr.trim().split('\n').slice(-3).join('\n'));
  expect(narrowed.code).not.toBe(0);
  expect(narrowed.stderr + narrowed.stdout).toMatch(/sudo/);
  await login(' sudo: full, init_user: root,');
  await must(world, 'init', '--limit', 'h1');
  expect(await isWide(1)).toBe(true);
});
