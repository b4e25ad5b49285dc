/**
 * A host that sshd serves over IPv6 only, by an address with a zone: from `init` with its firewall
 * to an account that is online, after a reboot as well.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hostHardwareAddress } from '../../lab/layout.ts';
import type { Login } from '../operator.ts';
import {
  eventually,
  expectExclusive,
  importNew,
  liveStates,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

const index = 2;
/** The kernel's own address from the hardware's, on the lab's bridge. */
const [, b, c, d, e, f] = hostHardwareAddress(index).split(':');
const linkLocal = `fe80::${b}:${c}ff:fe${d}:${e}${f}%lab0`;
let world: World;
let logins: Login[];

beforeAll(async () => {
  world = await makeWorld({ hosts: [index], state: 'wiped' });
  const { lab, operator } = world;
  const inventory = join(operator.directory, 'inventory.yaml');
  const text = await readFile(inventory, 'utf8');
  const own = text.replace(`address: ${lab.hosts[index - 1]?.address}`, `address: "${linkLocal}"`);
  expect(own).not.toBe(text);
  await writeFile(inventory, own);
  const only =
    'echo AddressFamily inet6 >/etc/ssh/sshd_config.d/10-six.conf && systemctl restart ssh';
  expect((await lab.ssh(index, only)).code).toBe(0);
  expect((await lab.ssh(index, 'true')).code).toBe(255);
});
afterAll(async () => {
  await world?.lab.wipe(index);
  await world?.end();
});

const onHost = async (command: string): Promise<string> => {
  const { code, stdout, stderr } = await world.operator.fleet([
    'exec',
    `h${index}`,
    '--root',
    '--',
    command,
  ]);
  expect({ command, code, stderr: code === 0 ? '' : stderr }).toEqual({
    command,
    code: 0,
    stderr: '',
  });
  return stdout.trim();
};

test('init makes it ready, lets IPv6 in through the firewall, and has nothing to do afterwards', async () => {
  await prepareFleet(world);
  expect((await world.operator.fleet(['init', '--check'])).code).toBe(0);
  expect(await onHost('ufw status')).toMatch(/22\/tcp \(v6\)\s+ALLOW/);
  const known = await readFile(join(world.operator.directory, 'known_hosts'), 'utf8');
  expect(known.split(' ')[0]).toBe(linkLocal);
});

test('an account is online there, also after a reboot', async () => {
  logins = await importNew(world, ['anna']);
  await must(world, 'allocate', '--all');
  expect(await liveStates(world)).toEqual({ anna: 'online' });
  await world.lab.reboot(index);
  await eventually(120_000, async () => {
    expect(await liveStates(world)).toEqual({ anna: 'online' });
    await expectExclusive(world, logins);
  });
});

test('a second name for it is refused', async () => {
  const inventory = join(world.operator.directory, 'inventory.yaml');
  const text = await readFile(inventory, 'utf8');
  await writeFile(inventory, text.replace(/^( {2})h2: (.*)$/m, '$1h2: $2\n$1twin: $2'));
  const refused = await world.operator.fleet(['init', '--limit', 'twin', '--yes']);
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringContaining('hosts.twin.address: this is the address of h2'),
  ]);
  await writeFile(inventory, text);
});
