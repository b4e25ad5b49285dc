/**
 * Power loss at either end of a move. The data centre does not see a host die: its connection stays
 * open there until it is given up.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MovePhase } from '../../../src/ownership/phases.ts';
import { connectLab } from '../../lab/lab.ts';
import { noteFaultPoint } from '../fault-points.ts';
import { type LabDataCentre, startLabDataCentre } from '../lab-data-centre.ts';
import { elsewhere, hostNumber, hostOf, moveWithFault } from '../move-looks.ts';
import type { Login } from '../operator.ts';
import {
  eventually,
  expectNoKills,
  importNew,
  liveStates,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

let dc: LabDataCentre;
let world: World;
let logins: Login[];
beforeAll(async () => {
  dc = await startLabDataCentre(await connectLab(), false);
  world = await makeWorld({ hosts: [1, 2], state: 'forgotten', dc });
  const inventory = join(world.operator.directory, 'inventory.yaml');
  await writeFile(
    inventory,
    (await readFile(inventory, 'utf8')).replace('settle_unclean: 5s', 'settle_unclean: 30s'),
  );
  await prepareFleet(world);
  logins = await importNew(world, ['anna', 'ben']);
  await must(world, 'allocate', '--all');
});
afterAll(async () => {
  await world?.end();
  await dc?.stop();
});

/**
 * Takes the power of a host in the moment in which the journal shows the phase; gives the command's
 * exit code.
 */
const moveWithPowerLoss = async (
  name: string,
  to: string,
  phase: MovePhase,
  victim: number,
): Promise<number> =>
  (await moveWithFault(world, name, to, phase, () => world.lab.kill(victim))).code;

/** Session files of the account on a host. */
const filesOn = async (host: string | null, keyId: string): Promise<string> =>
  (
    await world.lab.ssh(
      hostNumber(host),
      `ls /var/lib/fleet/accounts/${keyId}/epochs 2>/dev/null | wc -l`,
    )
  ).stdout.trim();

test.for([
  ['source', 'staged'],
  ['source', 'released'],
  ['target', 'released'],
  ['target', 'granted'],
] as const)(
  'of the %s when the move is %s: the account arrives, and its key lives',
  { timeout: 300_000 },
  async ([end, phase]) => {
    const from = hostOf(world, 'ben');
    const to = elsewhere(from);
    const victim = hostNumber(end === 'source' ? from : to);
    const code = await moveWithPowerLoss('ben', to, phase, victim);
    await expectNoKills(world);
    // The receipt is all that the move needs of a source that has given one.
    if (end === 'source' && phase === 'released')
      expect([code, hostOf(world, 'ben')]).toEqual([0, to]);
    await world.lab.start(victim);
    // Logins are taken before the boot has ended; what is left of it is none of the move's time.
    await world.lab.ssh(victim, 'systemctl is-system-running --wait || true', {
      timeoutMs: 60_000,
    });
    if (code !== 0) await must(world, 'resume');
    console.log(`power loss of the ${end} when ${phase}: exit ${code}`);
    noteFaultPoint(`power loss of the ${end} of a move that is ${phase}`);
    expect(hostOf(world, 'ben')).toBe(to);
    await eventually(60_000, async () =>
      expect(await liveStates(world)).toEqual({ anna: 'online', ben: 'online' }),
    );
    expect(await world.operator.json(['moves'])).toMatchObject({ moves: [] });
    await expectNoKills(world);
    const keyId = logins.find(({ account }) => account === 'ben')?.keyId ?? '';
    expect([await filesOn(from, keyId), await filesOn(to, keyId)]).toEqual([
      end === 'source' && code === 0 ? '1' : '0',
      '1',
    ]);
  },
);

test('what the source could not be told to clear is cleared by the next survey', {
  timeout: 120_000,
}, async () => {
  const from = hostOf(world, 'ben');
  const to = elsewhere(from);
  expect(await moveWithPowerLoss('ben', to, 'released', hostNumber(from))).toBe(0);
  await world.lab.start(hostNumber(from));
  const keyId = logins.find(({ account }) => account === 'ben')?.keyId ?? '';
  expect(await filesOn(from, keyId)).toBe('1');
  noteFaultPoint('power loss of the source before it was told to wipe');
  // A first placement asks every host.
  await importNew(world, ['carla']);
  await must(world, 'allocate', '--all');
  expect([await filesOn(from, keyId), await filesOn(to, keyId)]).toEqual(['0', '1']);
  await expectNoKills(world);
});
