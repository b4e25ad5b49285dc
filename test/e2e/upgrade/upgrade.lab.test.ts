/**
 * Hosts with accounts online under the release before are upgraded in place, put back and upgraded
 * again, side by side with hosts that are not. The data centre
 * counts connections.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { noteFaultPoint } from '../fault-points.ts';
import { eventually, expectNoKills, listAccounts, liveStates, must } from '../world.ts';
import {
  expectAllOnline,
  longestOfflineMs,
  makeOldFleet,
  type UpgradeWorld,
} from './upgrade-world.ts';

let world: UpgradeWorld;
beforeAll(async () => {
  world = await makeOldFleet([1, 2]);
  await expectAllOnline(world);
});
afterAll(() => world?.end());

interface Finding {
  readonly where: string;
  readonly level: string;
  readonly text: string;
  readonly remedy: string;
}

const olderProtocol = async (): Promise<string[][]> => {
  const { findings } = await world.operator.json<{ findings: Finding[] }>(['doctor']);
  return findings
    .filter(({ text }) => text.includes('earlier protocol'))
    .map(({ where, level, remedy }) => [where, level, remedy]);
};

const owners = async () =>
  Object.fromEntries((await listAccounts(world)).map(({ name, host }) => [name, host]));

test('hosts of the release before are named with what to do, and go on as they are', async () => {
  const placed = await owners();
  expect(await olderProtocol()).toEqual(
    ['h1', 'h2'].map((host) => [host, 'critical', `fleet init --limit ${host}`]),
  );
  const moved = await world.operator.fleet([
    'move',
    'anna-1',
    placed['anna-1'] === 'h1' ? 'h2' : 'h1',
    '--yes',
  ]);
  expect([moved.code, moved.stderr]).toEqual([
    3,
    expect.stringMatching(/runs programs of an earlier fleet[\s\S]*fleet init --limit h/),
  ]);
  expect((await world.operator.fleet(['sweep'])).code).toBe(3);
  expect(await owners()).toEqual(placed);
  await expectAllOnline(world);
});

test('the ledger that was brought up to date is not for the release before any more', async () => {
  const { code, stderr } = await world.before('sweep');
  expect([code, stderr]).toEqual([
    expect.any(Number),
    expect.stringContaining('newer than this fleet understands'),
  ]);
  await expectAllOnline(world);
});

test('an upgraded host runs its accounts beside one that is not, and its next boot holds none of them', async () => {
  await must(world, 'init', '--limit', 'h1');
  expect(await olderProtocol()).toEqual([['h2', 'critical', 'fleet init --limit h2']]);
  await expectAllOnline(world);
  const sinceMs = Date.now();
  await world.lab.reboot(1);
  await expectAllOnline(world);
  console.log(
    'an upgrade followed by a reboot: offline for ' +
      `${((await longestOfflineMs(world, sinceMs)) / 60_000).toFixed(2)} min at most`,
  );
  noteFaultPoint('a host reboots right after it was upgraded from the release before');
});

test('programs that were put back keep accounts online, and hold them at a boot; the next upgrade gives them back', async () => {
  expect(await must(world, 'init', '--rollback', '--limit', 'h1')).toContain(
    'the workers go on as they are',
  );
  await expectAllOnline(world);
  await world.lab.reboot(1);
  const held = Object.fromEntries(
    Object.entries(await owners()).flatMap(([name, host]) =>
      host === 'h1' ? [[name, 'held']] : [],
    ),
  );
  await eventually(60_000, async () => expect(await liveStates(world)).toMatchObject(held));
  await expectNoKills(world);
  noteFaultPoint('a host whose programs were put back to the release before reboots');
  await must(world, 'init');
  await must(world, 'sweep');
  await expectAllOnline(world);
  expect(await olderProtocol()).toEqual([]);
});
