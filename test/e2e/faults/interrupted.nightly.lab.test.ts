/**
 * More long commands that are interrupted, and more signals: what interrupted.lab.test.ts leaves
 * out for the sake of time.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ctrlC } from '../../cli/screen/on-terminal.ts';
import { tryCommand } from '../../lab/run-command.ts';
import { eventually, must } from '../world.ts';
import { type InterruptedWorld, makeInterruptedWorld, other, pidOf } from './interrupted-world.ts';

let its: InterruptedWorld;
beforeAll(async () => {
  its = await makeInterruptedWorld();
  // Accounts of these tests move again and again.
  const inventory = join(its.world.operator.directory, 'inventory.yaml');
  const text = await readFile(inventory, 'utf8');
  const often = text.replace(
    'rebalance: { ',
    'placement: { cooldown: 0s }\nrebalance: { address_changes_per_week: 1000, ',
  );
  expect(often).not.toBe(text);
  await writeFile(inventory, often);
  await must(its.world, 'allocate', '--all');
});
// What one test leaves, also one that failed, is none of the next one's business.
afterEach(async () => {
  await must(its.world, 'resume');
  await must(its.world, 'hosts', 'uncordon', 'h1', 'h2');
}, 120_000);
afterAll(() => its?.end());

/** Called when it is its turn: what it does may depend on where accounts are. */
type Words = () => Promise<readonly string[]>;

/**
 * On the screen at whatever speed: between it and the end lies the settle floor. What comes later
 * may have no time of its own on a busy machine.
 */
const begun = 'staged';

const verbs: Readonly<Record<string, Words>> = {
  move: async () => ['move', 'anna', other(await its.hostOf('anna'))],
  drain: async () => ['drain', await its.hostOf('ben')],
  rebalance: async () => {
    for (const name of ['anna', 'ben', 'carla', 'dora'])
      if ((await its.hostOf(name)) !== 'h1') await must(its.world, 'move', name, 'h1');
    return ['rebalance', '--threshold', '0', '--max-migrations', '2'];
  },
};

describe('Ctrl-C on a terminal', () => {
  test.each(Object.entries(verbs))('%s', { timeout: 300_000 }, async (_, words) => {
    const run = its.start(...(await words()), '--yes');
    await run.shows(begun);
    run.type(ctrlC);
    await run.shows('stopping after the acts that are under way');
    await its.expectGone(run, 130);
    await its.expectNamed(run);
    await must(its.world, 'resume');
    await must(its.world, 'hosts', 'uncordon', 'h1', 'h2');
    await its.expectAllWell();
  });

  test('scripts push: pushed again, every host has the new script', async () => {
    await must(its.world, 'scripts', 'push');
    await its.writeScript('Hello again.');
    const run = its.start('scripts', 'push', '--yes');
    await run.shows('pid=');
    await sleep(1_500);
    run.type(ctrlC);
    await its.expectGone(run, 130);
    await must(its.world, 'scripts', 'push');
    expect(await must(its.world, 'scripts', 'push')).toContain('Nothing to push');
  });

  test('check does not wait for the end of its watch', async () => {
    const run = its.start('check', '--stage', 'load', '--for', '1h');
    await run.shows('watching the load');
    run.type(ctrlC);
    await its.expectGone(run, 130);
  });
});

test.each(['SIGTERM', 'SIGHUP'] as const)('%s is like Ctrl-C', async (signal) => {
  const run = its.start('move', 'carla', other(await its.hostOf('carla')), '--yes');
  await run.shows(begun);
  process.kill(pidOf(run), signal);
  await its.expectGone(run, 130);
  await must(its.world, 'resume');
  await its.expectAllWell();
});

test('a terminal that is closed, and output that nobody reads, leave no account without a host', async () => {
  const run = its.start('move', 'dora', other(await its.hostOf('dora')), '--yes');
  await run.shows(begun);
  const pid = pidOf(run);
  run.vanishes();
  await eventually(120_000, async () => expect(() => process.kill(pid, 0)).toThrow());
  await must(its.world, 'resume');
  const to = other(await its.hostOf('dora'));
  const { directory: cwd, env, argv } = its.world.operator;
  const piped = `"$@" 2>&1 | head -c 1; exit "\${PIPESTATUS[0]}"`;
  const words = ['bash', '-c', piped, 'bash', ...argv(['move', 'dora', to, '--yes'])];
  const { code } = await tryCommand(words, { cwd, env, timeoutMs: 240_000 });
  expect([code, await its.hostOf('dora')]).toEqual([0, to]);
  await its.expectAllWell();
});
