/**
 * Ctrl-C on a terminal while a long command works on hosts: the first ends it after the act under
 * way and names what is open, the second ends it at once.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ctrlC } from '../../cli/screen/on-terminal.ts';
import { noteFaultPoint } from '../fault-points.ts';
import { fleetOnTerminal } from '../fleet-on-terminal.ts';
import { askLedger, hostOf, phaseOf } from '../move-looks.ts';
import {
  eventually,
  expectNoKills,
  expireContact,
  importNew,
  liveStates,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

const accounts = 'accounts:\n  anna: { pinned_to: h1 }\n';

let world: World;
beforeAll(async () => {
  world = await makeWorld({ hosts: [1, 2], state: 'forgotten', accounts });
  await prepareFleet(world);
  await importNew(world, ['anna', 'ben']);
  await must(world, 'hosts', 'cordon', 'h1');
  await must(world, 'allocate', 'ben');
  await must(world, 'hosts', 'uncordon', 'h1');
  await must(world, 'allocate', 'anna');
});
afterAll(async () => {
  await world?.lab.firmware(1, 0);
  await world?.end();
});

async function rewrite(before: string, after: string): Promise<void> {
  const inventory = join(world.operator.directory, 'inventory.yaml');
  await writeFile(inventory, (await readFile(inventory, 'utf8')).replace(before, after));
}

/** The host's boot; fails while nobody can log in there. */
async function bootOf(host: number): Promise<string> {
  const { code, stdout, stderr } = await world.lab.ssh(host, 'cat /run/fleet-boot/identity.json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}
const allOnline = () =>
  eventually(90_000, async () =>
    expect(await liveStates(world).catch((error: Error) => error.message)).toEqual({
      anna: 'online',
      ben: 'online',
    }),
  );

test('reboot: the first Ctrl-C names the announcement that stays open and the host that was not begun; the accounts come back by themselves', async () => {
  const before = await bootOf(1);
  const beforeOfOther = await bootOf(2);
  // It must not be back before the look ends that is under way when the key is pressed, 5 s at
  // most.
  await world.lab.firmware(1, 20_000);
  const run = fleetOnTerminal(world.operator, ['reboot', '--rolling', '--yes']);
  await run.shows('rebooting');
  run.type(ctrlC);
  expect(await run.ends()).toBe(130);
  expect(run.shown()).toMatch(
    /h1: interrupted while it reboots; its announced reboot stays open until \d{4}-/,
  );
  expect(run.shown()).toMatch(/h2 +not-begun/);
  noteFaultPoint('Ctrl-C in the middle of an announced reboot');
  await eventually(90_000, async () => expect(await bootOf(1)).not.toBe(before));
  await allOnline();
  expect(await bootOf(2)).toBe(beforeOfOther);
  // A host that still boots takes connections late.
  await eventually(60_000, async () => void (await must(world, 'sweep')));
  await world.lab.firmware(1, 5_000);
});

test('reboot: the second Ctrl-C ends it at once, whatever it waits for', async () => {
  // A look at a silent host takes longer than anybody waits: what ends before was ended.
  await rewrite('connect_timeout: 5s', 'connect_timeout: 2m');
  const run = fleetOnTerminal(world.operator, ['reboot', 'h1', '--yes']);
  await run.shows('rebooting');
  // It has gone down by now, and whatever it does next is not seen.
  await sleep(2_000);
  await world.lab.cut(1);
  // Meanwhile others see why the host is away, and what works there.
  const [status, swept] = await Promise.all([
    world.operator.fleet(['status']),
    world.operator.fleet(['sweep']),
  ]);
  expect([status.code, status.stdout]).toEqual([
    0,
    expect.stringMatching(/h1 .*its reboot is announced: expected back within 1\dm/),
  ]);
  expect([swept.code, swept.stderr]).toEqual([
    5,
    expect.stringContaining('another fleet command is at work: fleet reboot (process '),
  ]);
  // It looks every two seconds.
  await sleep(6_000);
  run.type(ctrlC);
  await run.shows('press Ctrl-C again');
  run.type(ctrlC);
  expect(await run.ends()).toBe(130);
  expect(run.shown()).not.toContain('interrupted while it reboots');
  noteFaultPoint('two Ctrl-C in the middle of an announced reboot');
  await world.lab.heal(1);
  await rewrite('connect_timeout: 2m', 'connect_timeout: 5s');
  await allOnline();
  await must(world, 'sweep');
});

test('sweep: Ctrl-C while a host is asked: what was not given back is named, and the next sweep goes on', async () => {
  await expireContact(world, 1);
  await world.lab.reboot(1);
  await eventually(60_000, async () =>
    expect(await liveStates(world)).toMatchObject({ anna: 'held' }),
  );
  await world.lab.cut(2);
  const run = fleetOnTerminal(world.operator, ['sweep']);
  await eventually(60_000, async () =>
    expect(askLedger(world, 'select token from lock')).toBeDefined(),
  );
  await sleep(2_000);
  run.type(ctrlC);
  expect(await run.ends()).toBe(130);
  expect(run.shown()).toContain('interrupted: anna was not given back');
  noteFaultPoint('Ctrl-C in the middle of a sweep');
  await world.lab.heal(2);
  await must(world, 'sweep');
  await allOnline();
});

test('failover: Ctrl-C while nothing may start yet: the account is named with its open move, and the next sweep goes on', async () => {
  await world.lab.kill(2);
  const run = fleetOnTerminal(world.operator, ['failover', 'h2', '--destroyed', '--yes']);
  await run.shows('until Telegram counts');
  run.type(ctrlC);
  expect(await run.ends()).toBe(130);
  expect(run.shown()).toContain(
    'ben was not started on h1 yet: interrupted, its move is open (staged)',
  );
  expect([hostOf(world, 'ben'), phaseOf(world, 'ben')]).toEqual(['h2', 'staged']);
  noteFaultPoint('Ctrl-C in the middle of a failover');
  await must(world, 'sweep');
  expect([hostOf(world, 'ben'), phaseOf(world, 'ben')]).toEqual(['h1', null]);
  await allOnline();
  await expectNoKills(world);
});
