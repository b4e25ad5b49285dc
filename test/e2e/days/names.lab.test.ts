/**
 * One machine has one name: a renamed host is recognised and goes on under its new name, a second
 * name is refused, and both end without a hand on the ledger.
 */
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Login } from '../operator.ts';
import {
  eventually,
  expectExclusive,
  importNew,
  type ListedAccount,
  listAccounts,
  liveStates,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

let world: World;
let logins: Login[];
beforeAll(async () => {
  world = await makeWorld({ hosts: [1, 2], state: 'forgotten' });
  await prepareFleet(world);
  logins = await importNew(world, ['anna']);
  await must(world, 'allocate', '--all');
});
afterAll(() => world?.end());

async function editInventory(change: (text: string) => string): Promise<void> {
  const file = join(world.operator.directory, 'inventory.yaml');
  await writeFile(file, change(await readFile(file, 'utf8')));
}
const hostOf = async (name: string): Promise<string> =>
  (await listAccounts(world)).find((account) => account.name === name)?.host ?? 'none';
/** The lab has the host under its former name. */
let former = '';
async function onFormer(command: string): Promise<void> {
  const index = world.lab.hosts.findIndex(({ name }) => name === former) + 1;
  expect((await world.lab.ssh(index, command)).code).toBe(0);
}
const byLabName = async (): Promise<ListedAccount[]> =>
  (await listAccounts(world)).map((account) =>
    account.host === 'garden' ? { ...account, host: former } : account,
  );
const said = async (...args: string[]): Promise<{ code: number; text: string }> => {
  const { code, stdout, stderr } = await world.operator.fleet([...args, '--yes']);
  return { code: code ?? -1, text: `${stdout}\n${stderr}`.replaceAll(/\s+/g, ' ') };
};

test('a host that was renamed in the inventory is recognised everywhere, and takes its account along', async () => {
  const before = await hostOf('anna');
  former = before;
  await editInventory((text) => text.replace(`  ${before}:`, '  garden:'));
  const rename = `fleet hosts rename ${before} garden`;
  const init = await said('init', '--limit', 'garden');
  expect(init).toMatchObject({ code: 3, text: expect.stringContaining(rename) });
  expect((await said('sweep')).text).toContain(rename);
  expect((await said('status')).text).toContain(rename);
  expect((await said('doctor')).text).toContain(rename);
  await must(world, 'hosts', 'rename', before, 'garden');
  await must(world, 'init', '--limit', 'garden');
  expect((await said('init', '--check')).code).toBe(0);
  expect((await said('sweep')).code).toBe(0);
  expect(await hostOf('anna')).toBe('garden');
  await eventually(60_000, async () => expect(await liveStates(world)).toEqual({ anna: 'online' }));
  await expectExclusive(world, logins, await byLabName());
});

test('a second name for a host is refused by every way in, nothing starts meanwhile, and it can go again', async () => {
  // Under the same address the inventory itself is refused, whatever is asked.
  await editInventory((text) => text.replace(/^ {2}garden: (.*)$/m, '  garden: $1\n  twin: $1'));
  for (const words of [['init', '--limit', 'twin'], ['sweep'], ['hosts', 'trust']])
    expect(await said(...words)).toMatchObject({
      code: 2,
      text: expect.stringContaining('hosts.twin.address: this is the address of garden'),
    });
  // The same for a name that the ssh config leads there.
  const address = world.lab.hosts.find(({ name }) => name === former)?.address ?? '';
  await mkdir(join(world.operator.directory, '.ssh'), { recursive: true });
  await writeFile(
    join(world.operator.directory, '.ssh/config'),
    `Host twin.example\n  HostName ${address}\n`,
    { mode: 0o600 },
  );
  await editInventory((text) => text.replace(/^( {2}twin: .*address: )[^,]*/m, '$1twin.example'));
  for (const words of [['init', '--limit', 'twin'], ['sweep'], ['hosts', 'trust']])
    expect(await said(...words)).toMatchObject({
      code: 2,
      text: expect.stringContaining(`hosts.twin: leads to ${address} port 22`),
    });
  // Only the machine itself tells that two addresses are its own.
  const second = address.replace(/\.(\d+)$/, '.2$1');
  await onFormer(`ip address add ${second}/24 dev eth0`);
  await editInventory((text) => text.replace(/^( {2}twin: .*address: )[^,]*/m, `$1${second}`));
  expect(await said('hosts', 'trust', 'twin')).toMatchObject({
    code: 3,
    text: expect.stringContaining('twin, garden present the same host key'),
  });
  const knownHosts = join(world.operator.directory, 'known_hosts');
  const known = await readFile(knownHosts, 'utf8');
  await appendFile(
    knownHosts,
    known.replaceAll(/^(\S+)( .*\n)/gm, (_, name, key) => (name === address ? second + key : '')),
  );
  expect(await said('init', '--limit', 'twin')).toMatchObject({
    code: 3,
    text: expect.stringContaining('twin and garden are one machine under two names'),
  });
  expect((await said('sweep')).text).toMatch(/one machine under two names/);
  logins = [...logins, ...(await importNew(world, ['ben']))];
  const refused = await said('allocate', 'ben');
  expect(refused.code).not.toBe(0);
  expect(await hostOf('ben')).toBe('none');
  await editInventory((text) => text.replace(/^ {2}twin: .*\n/m, ''));
  await onFormer(`ip address del ${second}/24 dev eth0`);
  await must(world, 'hosts', 'forget', 'twin');
  await must(world, 'allocate', 'ben');
  expect(await liveStates(world)).toEqual({ anna: 'online', ben: 'online' });
  await expectExclusive(world, logins, await byLabName());
});
