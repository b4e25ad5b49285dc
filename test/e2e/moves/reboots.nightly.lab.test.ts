/**
 * Reboots while another host is silent: how long accounts are offline, and that none is held that
 * need not be. The data centre counts connections.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { noteFaultPoint } from '../fault-points.ts';
import { type LabDataCentre, startLabDataCentre } from '../lab-data-centre.ts';
import {
  eventually,
  expectNoKills,
  importNew,
  labOfThisFile,
  listAccounts,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

const minute = 60_000;
let dc: LabDataCentre;
let world: World;
let dcKeyId = '';
beforeAll(async () => {
  dc = await startLabDataCentre(await labOfThisFile(), false);
  world = await makeWorld({ hosts: [1, 2], state: 'forgotten', dc });
  const inventory = join(world.operator.directory, 'inventory.yaml');
  await writeFile(
    inventory,
    (await readFile(inventory, 'utf8')).replace('settle_unclean: 5s', 'settle_unclean: 30s'),
  );
  await prepareFleet(world);
  dcKeyId = (await importNew(world, ['anna']))[0]?.dcKeyId ?? '';
  await must(world, 'hosts', 'cordon', 'h2');
  await must(world, 'allocate', '--all');
}, 300_000);
afterEach(async () => {
  await world.lab.firmware(1, 0);
  await world.lab.heal(2);
  await expectNoKills(world);
});
afterAll(async () => {
  await world?.end();
  await dc?.stop();
});

const isOnline = async (): Promise<boolean> => {
  const key = (await world.dc.report()).accounts.find(({ keyId }) => keyId === dcKeyId);
  return key?.connections.some(({ closedAt }) => closedAt === null) ?? false;
};

/**
 * Minutes from `act`, which reboots h1, until anna is connected again, as the data centre sees it;
 * a sweep every two minutes, as by cron.
 */
async function minutesOffline(act: () => Promise<unknown>): Promise<number> {
  await must(world, 'sweep');
  await world.lab.cut(2);
  const acting = act();
  await eventually(60_000, async () => expect(await isOnline()).toBe(false));
  const offMs = Date.now();
  let sweptMs = offMs;
  while (!(await isOnline())) {
    if (Date.now() - offMs > 15 * minute) throw new Error('anna does not come back');
    await sleep(1_000);
    if (Date.now() - sweptMs < 2 * minute) continue;
    sweptMs = Date.now();
    await world.operator.fleet(['sweep']);
  }
  const minutes = (Date.now() - offMs) / minute;
  await acting;
  await world.lab.heal(2);
  await eventually(60_000, async () =>
    expect((await listAccounts(world))[0]).toMatchObject({ host: 'h1' }),
  );
  return minutes;
}

const rebootFromInside = () => world.lab.ssh(1, 'systemctl --no-block reboot');
const announced = (...more: string[]) => must(world, 'reboot', 'h1', ...more);
const epoch = async (): Promise<number | null> => (await listAccounts(world))[0]?.epoch ?? null;

test.for([
  ['an ordinary reboot', 0, rebootFromInside, 2, true],
  ['an announced reboot', 0, announced, 2, true],
  ['an announced reboot with four minutes of firmware', 4, announced, 6, true],
  ['a reboot with four minutes of firmware that nobody announced', 4, rebootFromInside, 9, false],
] as const)(
  '%s',
  { timeout: 20 * minute },
  async ([what, firmwareMinutes, act, limit, isSameClaim]) => {
    const before = await epoch();
    await world.lab.firmware(1, firmwareMinutes * minute);
    const minutes = await minutesOffline(act);
    console.log(`${what}, another host silent: offline for ${minutes.toFixed(1)} min`);
    noteFaultPoint(`${what} while another host is silent`);
    expect(minutes).toBeLessThan(limit);
    // A hold that ended was a grant at a higher epoch.
    expect((await epoch()) === before).toBe(isSameClaim);
  },
);

test('--rolling: both hosts, one after the other, and the account is where it was', {
  timeout: 5 * minute,
}, async () => {
  const before = await epoch();
  const stdout = await must(world, 'reboot', '--rolling');
  expect(stdout).toMatch(/h1 +rebooted[\s\S]*h2 +rebooted/);
  expect([await isOnline(), await epoch()]).toEqual([true, before]);
});
