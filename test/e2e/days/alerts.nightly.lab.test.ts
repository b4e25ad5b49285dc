/**
 * Real hosts that go away and come back, and what the operator is told of it; the report of the
 * same fleet.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Message } from '../../../src/alerts/message.ts';
import { type LabDataCentre, startLabDataCentre } from '../lab-data-centre.ts';
import {
  eventually,
  expectNoKills,
  importNew,
  labOfThisFile,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

const names = ['anna', 'ben', 'carla'];
let dc: LabDataCentre;
let world: World;
beforeAll(async () => {
  dc = await startLabDataCentre(await labOfThisFile(), false);
  world = await makeWorld({ hosts: [1, 2, 3], state: 'forgotten', dc });
  await prepareFleet(world);
  await importNew(world, names);
  await must(world, 'allocate', '--all', '--strategy', 'even');
  const path = join(world.operator.directory, 'inventory.yaml');
  const alerts = `
alerts:
  channels: { log: { kind: command, argv: [tee, -a, told.jsonl] } }
  rules: { fleet-silent: { critical: 40, for: 5s } }
sweep: { down_after: 5s }
`;
  await writeFile(path, `${await readFile(path, 'utf8')}${alerts}`);
});
afterAll(async () => {
  await world?.end();
  await dc?.stop();
});

async function told(): Promise<string[]> {
  const text = await readFile(join(world.operator.directory, 'told.jsonl'), 'utf8').catch(() => '');
  const messages =
    text.trim() === ''
      ? []
      : text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Message);
  return messages.map(({ items }) => items.map(({ status, key }) => `${status} ${key}`).join(', '));
}

const sweep = () => world.operator.fleet(['sweep']);

test('a fleet that is well is silent; a test message is not', async () => {
  for (let times = 0; times < 3; times += 1) expect((await sweep()).code).toBe(0);
  expect(await told()).toEqual([]);
  expect(await must(world, 'alerts')).toContain('Nothing fires.');
  await must(world, 'alerts', 'test');
  expect(await told()).toEqual(['news test']);
  // It has more to say: there is no backup.
  expect((await world.operator.fleet(['doctor'])).stdout).toContain('alerts go to log');
});

test('one host without power is one message, none for its account, and one when it is back', async () => {
  await world.lab.kill(1);
  await sweep();
  await sleep(6000);
  for (let times = 0; times < 3; times += 1) await sweep();
  expect((await told()).slice(1)).toEqual(['firing host-down/h1']);
  expect(await must(world, 'alerts', 'why', 'host-down', 'h1')).toContain('it has fired for');
  await world.lab.start(1);
  for (let times = 0; times < 4; times += 1) await sweep();
  expect((await told()).slice(2)).toEqual(['over host-down/h1']);
  await expectNoKills(world);
});

test('all hosts without a way to them are one message about the own network', async () => {
  const before = (await told()).length;
  for (const host of [1, 2, 3]) await world.lab.cut(host);
  await sweep();
  await sleep(6000);
  for (let times = 0; times < 2; times += 1) await sweep();
  expect((await told()).slice(before)).toEqual(['firing fleet-silent/rehearsal']);
  for (const host of [1, 2, 3]) await world.lab.heal(host);
  for (let times = 0; times < 3; times += 1) await sweep();
  expect((await told()).slice(before + 1)).toEqual(['over fleet-silent/rehearsal']);
  await expectNoKills(world);
});

test('the report shows them, and what the hosts were away', async () => {
  // A link that was cut heals for each host at its own pace.
  await eventually(60_000, async () => {
    await sweep();
    expect(await must(world, 'report')).toMatch(/3 hosts, 3 accounts/);
    const page = await readFile(join(world.operator.directory, 'fleet-report.html'), 'utf8');
    for (const name of names) expect(page).toContain(`title="${name}: online"`);
  });
  const { hosts } = await world.operator.json<{
    hosts: { name: string; months: { offlineMs: { host: number } }[] }[];
  }>(['report']);
  expect(hosts.find(({ name }) => name === 'h1')?.months[0]?.offlineMs.host).toBeGreaterThan(5000);
});
