/**
 * The ledger is lost or restored while accounts run: the hosts know. The data centre counts
 * connections.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { noteFaultPoint } from '../fault-points.ts';
import { elsewhere, hostOf } from '../move-looks.ts';
import type { Login } from '../operator.ts';
import {
  eventually,
  expectExclusive,
  expectNoKills,
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
beforeAll(async () => {
  const accounts = 'accounts: { carla: { script: welcome, chats: { garden: -1001234567890 } } }\n';
  world = await makeWorld({ hosts: [1, 2, 3], state: 'forgotten', accounts });
  await prepareFleet(world);
  logins = await importNew(world, ['anna', 'ben', 'carla']);
  // Carla alone on h3, where the others, who move between h1 and h2, have never been: what h1 and
  // h2 know of them says where they are.
  await must(world, 'hosts', 'cordon', 'h1', 'h2');
  await must(world, 'allocate', 'carla');
  await must(world, 'hosts', 'uncordon', 'h1', 'h2');
  await must(world, 'hosts', 'cordon', 'h3');
  await must(world, 'allocate', '--all');
  await must(world, 'hosts', 'uncordon', 'h3');
});
afterAll(() => world?.end());

const placements = async () =>
  (await listAccounts(world)).map(({ name, host, epoch }) => ({ name, host, epoch }));
const online = { anna: 'online', ben: 'online', carla: 'online' };

async function loseLedger(): Promise<void> {
  for (const suffix of ['', '-wal', '-shm'])
    await rm(join(world.operator.directory, `fleet.db${suffix}`), { force: true });
}

test('a restored ledger may only look until it has learned from the hosts; the one that was in use is refused from then on', async () => {
  await must(world, 'backup');
  await must(world, 'move', 'anna', elsewhere(hostOf(world, 'anna')));
  const truth = await placements();
  const [name = ''] = await readdir(join(world.operator.directory, 'backups'));
  await must(world, 'restore', join('backups', name));
  expect(await placements()).not.toEqual(truth);
  const refused = await world.operator.fleet(['accounts', 'stop', 'anna', '--yes']);
  expect([refused.code, refused.stderr]).toEqual([
    3,
    expect.stringContaining('this ledger is an old copy and read-only'),
  ]);
  noteFaultPoint('an old ledger restored while accounts have moved on');
  expect(await must(world, 'adopt', '--dry-run')).toMatch(
    /anna +h\d +h\d +2 +h\d owns it at epoch 2/,
  );
  await must(world, 'adopt');
  expect([await placements(), await liveStates(world)]).toEqual([truth, online]);
  expect(await must(world, 'adopt')).toContain('The ledger agrees with the hosts.');
  await must(world, 'move', 'anna', elsewhere(hostOf(world, 'anna')));
  await expectExclusive(world, logins);
});

interface Told {
  readonly accounts: readonly {
    readonly name: string;
    readonly isPaused: boolean;
    readonly script: string | null;
  }[];
}

/** Who was paused by the operator, and whose script was chosen. */
async function told(): Promise<readonly (readonly [string, boolean, string | null])[]> {
  const { accounts } = await world.operator.json<Told>(['accounts', 'list']);
  return accounts.map(({ name, isPaused, script }) => [name, isPaused, script]);
}

test('without any ledger, hosts and vault are enough; a stopped account stays stopped, a paused one paused, and nothing is started twice', async () => {
  await must(world, 'accounts', 'stop', 'ben');
  await must(world, 'accounts', 'pause', 'carla');
  await must(world, 'accounts', 'set-script', 'carla', 'faq-desk');
  const orders = await told();
  const truth = await placements();
  await loseLedger();
  const observer = await world.operator.fleet(['adopt', '--dry-run', '--json']);
  expect(observer.code).toBe(0);
  expect(await placements()).toEqual([]);
  await must(world, 'adopt');
  expect([await placements(), await liveStates(world)]).toEqual([
    truth,
    { ...online, ben: 'stopped' },
  ]);
  expect(await told()).toEqual(orders);
  expect(orders.at(-1)).toEqual(['carla', true, 'faq-desk']);
  await must(world, 'sweep');
  expect(await liveStates(world)).toEqual({ ...online, ben: 'stopped' });
  await must(world, 'accounts', 'start', 'ben');
  await expectExclusive(world, logins);
});

test('a host that does not answer is left as it is, and is adopted when it does', async () => {
  const truth = await placements();
  const away = hostOf(world, 'carla') ?? '';
  await world.lab.cut(Number(away.slice(1)));
  await loseLedger();
  const partly = await world.operator.fleet(['adopt', '--yes']);
  expect([partly.code, partly.stderr]).toEqual([3, expect.stringContaining(`✗ ${away}`)]);
  const known = truth.map((each) =>
    each.host === away ? { ...each, host: null, epoch: null } : each,
  );
  expect(await placements()).toEqual(known);
  noteFaultPoint('the ledger lost while a host is cut off');
  const guarded = await world.operator.fleet(['allocate', '--all', '--yes']);
  expect([guarded.code, guarded.stderr]).toEqual([
    3,
    expect.stringContaining('might be running it'),
  ]);
  await world.lab.heal(Number(away.slice(1)));
  await must(world, 'adopt');
  expect(await placements()).toEqual(truth);
  // Who was cut off for so long may find its connection dead, and makes another.
  await eventually(60_000, async () => expect(await liveStates(world)).toEqual(online));
  await expectNoKills(world);
});

const preload = new URL('../kill-at-call.ts', import.meta.url).href;

test('kill -9 of adopt and of sweep at every second of their calls, before it or in the middle of it: run again, everything is as it was', async () => {
  const truth = await placements();
  for (const command of ['adopt', 'sweep']) {
    // Every second call, and before or within it in turn: each takes seconds.
    for (let call = 1; ; call += 2) {
      const when = call % 4 === 1 ? 'before' : 'after:60';
      if (command === 'adopt') await loseLedger();
      const env = { NODE_OPTIONS: `--import ${preload}`, FLEET_KILL_AT: `${call}:${when}` };
      const { code, stderr } = await world.operator.fleet([command, '--yes'], { env });
      expect([0, 137], stderr).toContain(code);
      if (code === 0) break;
      noteFaultPoint(
        `fleet ${command} killed ${when.replace(':60', ' (60 ms into it)')} its remote ` +
          `call ${call}`,
      );
      await must(world, command);
      expect(await placements()).toEqual(truth);
      // A connection that the test before cut may be found dead only now: its worker makes another.
      await eventually(60_000, async () => expect(await liveStates(world)).toEqual(online));
    }
  }
  await expectNoKills(world);
}, 300_000);
