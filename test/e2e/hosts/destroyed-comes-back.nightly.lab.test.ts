/**
 * A host that was declared destroyed and wiped, the usual end of a broken rented server: it comes
 * back by `init`, at its old address and name.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  eventually,
  expectNoKills,
  importNew,
  listAccounts,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

let world: World;
beforeAll(async () => {
  world = await makeWorld({
    ...{ hosts: [1, 2], state: 'forgotten' },
    accounts: 'accounts:\n  anna: {}\n  ben: {}\n',
  });
  await prepareFleet(world);
  await importNew(world, ['anna', 'ben']);
});
afterAll(() => world?.end());

const placed = async () =>
  (await listAccounts(world)).map(({ name, host, state }) => [name, host, state]);

test('a destroyed host that was wiped comes back by trust and init, empty, and takes accounts', async () => {
  await must(world, 'allocate', '--all');
  await must(world, 'drain', 'h2');
  expect(await placed()).toEqual([
    ['anna', 'h1', 'online'],
    ['ben', 'h1', 'online'],
  ]);
  await must(world, 'hosts', 'uncordon', 'h2');

  await world.lab.kill(1);
  await must(world, 'failover', 'h1', '--destroyed');
  expect(await placed()).toEqual([
    ['anna', 'h2', 'online'],
    ['ben', 'h2', 'online'],
  ]);

  // The same address with another disk: new host keys, a new machine id, nothing of fleet.
  await world.lab.wipe(1, 'equipped');
  const refused = await world.operator.fleet(['init', '--limit', 'h1', '--yes']);
  expect([refused.code, refused.stderr]).toEqual([
    3,
    expect.stringMatching(/THE HOST KEY OF [\s\S]*fleet hosts trust/),
  ]);
  expect((await world.operator.fleet(['hosts', 'trust', '--yes'])).code).toBe(3);
  await must(world, 'hosts', 'trust', 'h1', '--replace');
  // It is what the operator wants, so nothing is wrong with it; the history has it all the same.
  await must(world, 'init', '--limit', 'h1');
  expect(await must(world, 'events')).toContain('destroyed-host-answers');
  await must(world, 'sweep');
  const { hosts } = await world.operator.json<{ hosts: { name: string; state: string }[] }>([
    'status',
  ]);
  expect(hosts.map(({ name, state }) => [name, state])).toEqual([
    ['h1', 'up'],
    ['h2', 'up'],
  ]);

  // It is a host like any other: accounts go there, and it starts them after a boot.
  await must(world, 'drain', 'h2');
  expect((await placed()).map(([, host]) => host)).toEqual(['h1', 'h1']);
  await world.lab.reboot(1);
  await eventually(120_000, async () =>
    expect(await placed()).toEqual([
      ['anna', 'h1', 'online'],
      ['ben', 'h1', 'online'],
    ]),
  );
  await expectNoKills(world);
});
