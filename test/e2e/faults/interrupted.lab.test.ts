/**
 * Long commands that are interrupted, on a pseudo-terminal as a person has it and against real
 * hosts: the act under way is ended and recorded, what is open
 * is said with the command that goes on, the code is 130, the terminal is as it was, hosts keep
 * nothing, and that command ends what was left. The other
 * verbs and signals: interrupted.nightly.lab.test.ts.
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ctrlC } from '../../cli/screen/on-terminal.ts';
import { tryCommand } from '../../lab/run-command.ts';
import { must } from '../world.ts';
import { type InterruptedWorld, makeInterruptedWorld, other } from './interrupted-world.ts';

let its: InterruptedWorld;
beforeAll(async () => {
  its = await makeInterruptedWorld();
});
afterAll(() => its?.end());

describe('Ctrl-C on a terminal', () => {
  test('allocate ends after the act under way and names what is open', async () => {
    const run = its.start('allocate', '--all', '--yes');
    await run.shows('asking every known host');
    run.type(ctrlC);
    await run.shows('stopping after the acts that are under way');
    await its.expectGone(run, 130);
    await its.expectNamed(run);
    expect(run.shown()).toContain('fleet allocate --all');
    await must(its.world, 'allocate', '--all');
    await its.expectAllWell();
  });

  test('a second one leaves a move at once, and what it left is carried on', async () => {
    const run = its.start('move', 'ben', other(await its.hostOf('ben')), '--yes');
    await run.shows('staged');
    run.type(ctrlC);
    await run.shows('press Ctrl-C again');
    run.type(ctrlC);
    await its.expectGone(run, 130);
    await must(its.world, 'resume');
    await its.expectAllWell();
  });

  test('adopt writes nothing of hosts that it has not asked', async () => {
    const { directory } = its.world.operator;
    await mkdir(join(directory, 'away'));
    for (const name of await readdir(directory))
      if (name.startsWith('fleet.db'))
        await rename(join(directory, name), join(directory, 'away', name));
    const run = its.start('adopt', '--yes');
    await run.shows('pid=');
    await sleep(1_200);
    run.type(ctrlC);
    await its.expectGone(run, 130);
    await must(its.world, 'adopt');
    await its.expectAllWell();
  });
});

describe('a disk of the operator that is full', () => {
  const small = (): string => join(its.world.operator.directory, 'small');
  const fill = () =>
    tryCommand(['sh', '-c', `cat /dev/zero > "${small()}/filler" 2>/dev/null; true`]);
  beforeAll(async () => {
    const { operator } = its.world;
    await mkdir(small());
    await tryCommand(['mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', small()]);
    await tryCommand(['sh', '-c', `mv "${operator.directory}"/fleet.db* "${small()}"`]);
    await operator.append('ledger: small/fleet.db\n');
  });
  afterAll(async () => {
    await tryCommand(['umount', small()]);
  });

  test('is said by every command, which changes nothing', async () => {
    const verbs = [
      ['move', 'anna', other(await its.hostOf('anna'))],
      ['drain', 'h1'],
      ['sweep'],
      ['accounts', 'stop', 'anna'],
      ['hosts', 'cordon', 'h1'],
    ];
    await fill();
    for (const verb of verbs) {
      const { code, stderr, stdout } = await its.world.operator.fleet([...verb, '--yes']);
      expect([verb, code, `${stdout}${stderr}`]).toEqual([
        verb,
        3,
        expect.stringMatching(/disk is full/),
      ]);
      expect(`${stdout}${stderr}`).not.toContain('bug in fleet');
    }
    await rm(join(small(), 'filler'));
    await its.expectAllWell();
  });

  test('in the middle of a move: with room again it goes on', async () => {
    const run = its.start('move', 'anna', other(await its.hostOf('anna')), '--yes');
    await run.shows('staged');
    await fill();
    const code = await run.ends(240_000);
    await rm(join(small(), 'filler'));
    expect([code, run.shown()]).toEqual([3, expect.stringMatching(/disk is full/)]);
    await must(its.world, 'resume');
    await its.expectAllWell();
  });
});
