/**
 * An operator's first hour with the example of docs/custom-workers.md: from the inventory to the
 * account that moves and is brought up to date.
 */
import { appendFile, cp, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { connectLab } from '../../lab/lab.ts';
import { type LabDataCentre, startLabDataCentre } from '../lab-data-centre.ts';
import { elsewhere, hostNumber, hostOf } from '../move-looks.ts';
import type { Login } from '../operator.ts';
import { importNew, liveStates, makeWorld, must, prepareFleet, type World } from '../world.ts';

const example = resolve('templates/examples/python-worker');
let dc: LabDataCentre;
let world: World;
let anna: Login | undefined;

beforeAll(async () => {
  dc = await startLabDataCentre(await connectLab(), false, [
    '--layer',
    `144=${resolve('test/dc/tl/layer-144.tl')}`,
  ]);
  const { accounts } = parse(await readFile(join(example, 'inventory.yaml'), 'utf8')) as {
    accounts: object;
  };
  world = await makeWorld({
    hosts: [1, 2],
    state: 'forgotten',
    dc,
    accounts: stringify({ accounts }),
  });
  const { directory } = world.operator;
  await cp(join(example, 'worker'), join(directory, 'worker'), { recursive: true });
  await cp(join(example, 'profiles'), join(directory, 'profiles'), { recursive: true });
  // Without the packages of an account host, which take half a minute and change nothing here.
  const profile = parse(await readFile(join(example, 'profiles/telethon-worker.yaml'), 'utf8')) as {
    packages: string[];
  };
  const packages = ['python3', 'python3-venv', ...profile.packages];
  await writeFile(
    join(directory, 'profiles/telethon-worker.yaml'),
    stringify({ ...profile, extends: 'minimal', packages }),
  );
  const inventory = join(directory, 'inventory.yaml');
  await writeFile(
    inventory,
    (await readFile(inventory, 'utf8')).replace(
      'max_accounts: 20',
      'max_accounts: 20, profile: telethon-worker',
    ),
  );
  await prepareFleet(world);
  [anna] = await importNew(world, ['anna', 'ben']);
});
afterAll(async () => {
  await world?.end();
  await dc?.stop();
});

const onHost = async (host: string | null, command: string): Promise<string> =>
  (await world.lab.ssh(hostNumber(host), command)).stdout.trim();
const clientOf = async (login: Login | undefined) => {
  const found = (await dc.report()).accounts.find(({ userId }) => userId === login?.userId);
  return {
    layer: found?.connections.at(-1)?.init?.layer,
    live: found?.liveNow,
    most: found?.maxLive,
  };
};

test('one account runs with the example, another with fleet’s own worker; it moves and stays online', {
  timeout: 120_000,
}, async () => {
  await must(world, 'allocate', '--all');
  expect(await liveStates(world)).toEqual({ anna: 'online', ben: 'online' });
  expect(await clientOf(anna)).toEqual({ layer: 144, live: 1, most: 1 });
  const from = hostOf(world, 'anna');
  await onHost(from, `echo kept >/var/lib/private/fleet-accounts/${anna?.keyId}/mine.txt`);
  await must(world, 'move', 'anna', elsewhere(from));
  expect(hostOf(world, 'anna')).toBe(elsewhere(from));
  expect(
    await onHost(elsewhere(from), `cat /var/lib/private/fleet-accounts/${anna?.keyId}/mine.txt`),
  ).toBe('kept');
  expect(await clientOf(anna)).toMatchObject({ layer: 144, live: 1 });
});

test('a changed file reaches the hosts, and only the account that runs it is started anew', {
  timeout: 120_000,
}, async () => {
  await appendFile(join(world.operator.directory, 'worker', 'worker.py'), '# changed\n');
  const { hosts, restarted } = await world.operator.json<{
    hosts: { state: string }[];
    restarted: { account: string }[];
  }>(['init']);
  expect(hosts.map(({ state }) => state)).toEqual(['changed', 'changed']);
  expect(restarted.map(({ account }) => account)).toEqual(['anna']);
  expect(await liveStates(world)).toEqual({ anna: 'online', ben: 'online' });
  const { kills, violations, accounts } = await dc.report();
  expect([kills, violations, accounts.flatMap(({ overlaps }) => overlaps)]).toEqual([[], [], []]);
});
