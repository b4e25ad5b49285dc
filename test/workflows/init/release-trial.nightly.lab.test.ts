/**
 * A new release of the worker is tried on one account first: put back with its hosts when that one
 * crashes, spread when it does well, carried on when it was killed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Login } from '../../e2e/operator.ts';
import {
  eventually,
  expectExclusive,
  importNew,
  liveStates,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../../e2e/world.ts';
import { type CommandResult, tryCommand } from '../../lab/run-command.ts';
import { packageDirectory } from './init-fixture.ts';

let world: World;
let logins: Login[];
let first: string;
const versions: string[] = [];
const names = ['anna', 'ben', 'carla'];
const online = Object.fromEntries(names.map((name) => [name, 'online']));

beforeAll(async () => {
  world = await makeWorld({ hosts: [1], state: 'forgotten' });
  await prepareFleet(world);
  expect(
    await runVersion(
      await makeVersion('process.env.FLEET_REHEARSAL ??= "first";'),
      'init',
      '--yes',
    ),
  ).toMatchObject({ code: 0 });
  first = await current();
  logins = await importNew(world, names);
  await must(world, 'allocate', '--all');
});
afterAll(async () => {
  await world?.end();
  for (const directory of versions) await rm(directory, { recursive: true, force: true });
});

const onHost = async (command: string): Promise<string> =>
  (await world.lab.ssh(1, command)).stdout.trim();
const current = (): Promise<string> => onHost('basename $(readlink /opt/fleet/current)');
/** How many workers run from each release. */
const workerReleases = async (): Promise<Record<string, number>> => {
  const lines = (
    await onHost(
      "pgrep -af lib/worker.cjs | grep -o 'releases/[0-9a-f]*/lib/worker' | cut -d/ -f2 | " +
        'sort | uniq -c; true',
    )
  ).split('\n');
  return Object.fromEntries(
    lines
      .map((line) => line.trim().split(' '))
      .map(([count, release]) => [release ?? '', Number(count)]),
  );
};

/** Another version of fleet: this one with `line` more in its worker. */
async function makeVersion(line: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'fleet-version-'));
  versions.push(directory);
  for (const name of ['src', 'hostside', 'templates', 'package.json', 'package-lock.json'])
    await cp(join(packageDirectory, name), join(directory, name), { recursive: true });
  await symlink(join(packageDirectory, 'node_modules'), join(directory, 'node_modules'));
  await appendFile(join(directory, 'hostside', 'worker', 'main.ts'), `\n${line}\n`);
  return directory;
}

const argvOf = (directory: string, args: readonly string[]): string[] => [
  process.execPath,
  join(directory, 'src', 'cli', 'main.ts'),
  ...args,
];
const runVersion = (directory: string, ...args: string[]): Promise<CommandResult> =>
  tryCommand(argvOf(directory, args), {
    cwd: world.operator.directory,
    env: world.operator.env,
    timeoutMs: 400_000,
  });

test('a worker that crashes is put back on its hosts, and the same release is refused', {
  timeout: 500_000,
}, async () => {
  const bad = await makeVersion('setTimeout(() => process.exit(1), 12_000);');
  const { code, stdout } = await runVersion(
    bad,
    'init',
    '--canary',
    '1',
    '--watch',
    '3m',
    '--yes',
    '--json',
  );
  expect([code, JSON.parse(stdout)]).toMatchObject([
    3,
    { ok: false, canary: { accounts: ['anna'], phase: 'put-back' }, errors: [{ code: 'canary' }] },
  ]);
  expect(await current()).toBe(first);
  await eventually(60_000, async () => expect(await liveStates(world)).toEqual(online));
  expect(await workerReleases()).toEqual({ [first]: 3 });
  const again = await runVersion(bad, 'init', '--yes');
  expect([again.code, again.stderr]).toEqual([
    3,
    expect.stringContaining('this release was put back'),
  ]);
  expect(await current()).toBe(first);
  await expectExclusive(world, logins);
});

test('killed in the watch, the next init goes on with it; in the end all accounts have it', {
  timeout: 500_000,
}, async () => {
  const good = await makeVersion('process.env.FLEET_REHEARSAL ??= "good";');
  const [command = '', ...args] = argvOf(good, [
    'init',
    '--canary',
    '1',
    '--watch',
    '20s',
    '--yes',
  ]);
  const child = spawn(command, args, {
    cwd: world.operator.directory,
    env: world.operator.env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  await eventually(200_000, async () => expect(said).toContain('watching anna'));
  child.kill('SIGKILL');
  await once(child, 'close');
  const second = await current();
  expect(await workerReleases()).toEqual({ [first]: 2, [second]: 1 });
  expect(JSON.stringify(await world.operator.json(['status']))).toContain('fleet init');
  const { code, stdout } = await runVersion(good, 'init', '--yes', '--json');
  expect([code, JSON.parse(stdout)]).toMatchObject([
    0,
    { ok: true, canary: { accounts: ['anna'], others: ['ben', 'carla'], phase: 'done' } },
  ]);
  expect(await workerReleases()).toEqual({ [second]: 3 });
  await expectExclusive(world, logins);
});
