/**
 * Commands that move several accounts, killed at each of their remote calls, one call further every
 * time, until one run gets through; and disks that are
 * full in the middle of a move. The data centre counts connections.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { noteFaultPoint } from '../fault-points.ts';
import { elsewhere, hostNumber, hostOf, moveWithFault } from '../move-looks.ts';
import {
  eventually,
  expectNoKills,
  importNew,
  listAccounts,
  liveStates,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

const preload = new URL('../kill-at-call.ts', import.meta.url).href;
const names = ['anna', 'ben', 'carla'];
const online = Object.fromEntries(names.map((name) => [name, 'online']));

let world: World;
beforeAll(async () => {
  world = await makeWorld({ hosts: [1, 2, 3], state: 'forgotten' });
  await prepareFleet(world);
  await importNew(world, names);
  await must(world, 'hosts', 'cordon', 'h1', 'h2');
  await must(world, 'allocate', '--all');
  await must(world, 'hosts', 'uncordon', 'h1', 'h2');
});
afterAll(() => world?.end());

const delaysMs = [0, 150, 400];

/**
 * Runs the command again and again, killed a remote call later each time, every second time before
 * the call and otherwise while the host is at work on it.
 * Returns how often it was killed before it got through.
 */
async function killAtEachCall(args: readonly string[]): Promise<number> {
  for (let call = 1; ; call += 1) {
    const delayMs = delaysMs[call % delaysMs.length];
    const point = call % 2 === 0 ? `${call}:before` : `${call}:after:${delayMs}`;
    const { code, stderr } = await world.operator.fleet(args, {
      env: { NODE_OPTIONS: `--import ${preload}`, FLEET_KILL_AT: point },
    });
    await expectNoKills(world);
    if (code === 0) return call - 1;
    expect([code, code === 137 ? '' : stderr]).toEqual([137, '']);
    noteFaultPoint(
      `fleet ${args[0]} killed ${call % 2 === 0 ? 'before its' : `${delayMs} ms into its`} ` +
        `remote call ${call}, after all the kills before`,
    );
  }
}

async function expectAllWell(): Promise<void> {
  await eventually(60_000, async () => expect(await liveStates(world)).toEqual(online));
  expect(await world.operator.json(['moves'])).toMatchObject({ moves: [] });
  await expectNoKills(world);
}

test('a drain, killed at each of its calls, empties its host in the end', {
  timeout: 600_000,
}, async () => {
  const kills = await killAtEachCall(['drain', 'h3', '--yes']);
  console.log(`a drain of three accounts was killed ${kills} times`);
  expect(kills).toBeGreaterThanOrEqual(5);
  expect((await listAccounts(world)).map(({ host }) => host)).not.toContain('h3');
  await must(world, 'hosts', 'uncordon', 'h3');
  await expectAllWell();
});

test.for([
  ['source', 'staged'],
  ['target', 'released'],
] as const)(
  'the disk of the %s is full when the move is %s: nothing is lost, and with room again it ends',
  { timeout: 300_000 },
  async ([end, phase]) => {
    const from = hostOf(world, 'ben');
    const to = elsewhere(from);
    const full = hostNumber(end === 'source' ? from : to);
    const { code, stderr } = await moveWithFault(world, 'ben', to, phase, () =>
      world.lab.fill(full),
    );
    console.log(`disk of the ${end} full when ${phase}: exit ${code}\n${stderr}`);
    noteFaultPoint(`a full disk on the ${end} of a move that is ${phase}`);
    await expectNoKills(world);
    await world.lab.unfill(full);
    if (code !== 0) await must(world, 'resume');
    expect(['h1', 'h2']).toContain(hostOf(world, 'ben'));
    await expectAllWell();
  },
);

test('a failover, killed at each of its calls, brings every account of the lost host online', {
  timeout: 600_000,
}, async () => {
  const lost = hostOf(world, 'ben') ?? '';
  for (const name of names) if (hostOf(world, name) !== lost) await must(world, 'move', name, lost);
  // Its connections are closed: a power loss, which leaves them open, is failed over in
  // failover.lab.
  await world.lab.crash(hostNumber(lost));
  const kills = await killAtEachCall(['failover', lost, '--destroyed', '--yes']);
  console.log(`a failover of three accounts was killed ${kills} times`);
  expect(kills).toBeGreaterThanOrEqual(5);
  expect((await listAccounts(world)).map(({ host }) => host)).not.toContain(lost);
  await expectAllWell();
});
