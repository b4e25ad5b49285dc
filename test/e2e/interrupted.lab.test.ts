/**
 * Long commands that are interrupted, on a pseudo-terminal as a person has it and against real hosts: the act under way is ended and recorded, what is open
 * is said with the command that goes on, the code is 130, the terminal is as it was, hosts keep nothing, and that command ends what was left.
 */
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ctrlC, type OnTerminal, startOnTerminal } from '../cli/on-terminal.ts';
import { tryCommand } from '../lab/run-command.ts';
import { eventually, expectNoKills, importNew, listAccounts, liveStates, makeWorld, must, prepareFleet, type World } from './world.ts';

const names = ['anna', 'ben', 'carla', 'dora'];
const online = Object.fromEntries(names.map((name) => [name, 'online']));
const cursorShown = '\u001b[?25h';
const cursorHidden = '\u001b[?25l';

let world: World;
beforeAll(async () => {
  const accounts = `account_defaults: { script: desk, chats: { garden: -1001700000009 } }\n`;
  world = await makeWorld({ hosts: [1, 2], state: 'forgotten', accounts });
  await mkdir(join(world.operator.directory, 'scripts'));
  await writeScript('Hello.');
  await prepareFleet(world);
  await importNew(world, names);
  // Long enough ways that a person is in time.
  for (const host of world.hosts) await world.lab.slow(host, 150);
});
afterAll(async () => {
  for (const host of world?.hosts ?? []) await world.lab.slow(host, 0);
  await world?.end();
});

const writeScript = (say: string): Promise<void> =>
  writeFile(
    join(world.operator.directory, 'scripts/desk.yaml'),
    `version: 1\nrules:\n  - { name: hello, on: mention, say: "${say}" }\ndelay: { least: 1s, most: 2s }\n`,
  );

/** `fleet ARGS` on a terminal; its process id stands in front of what it shows. */
function start(...args: string[]): OnTerminal {
  const { directory: cwd, env, argv } = world.operator;
  const own = { ...env, PATH: process.env.PATH ?? '', TERM: 'xterm-256color' };
  return startOnTerminal(['sh', '-c', 'echo "pid=$$"; exec "$@"', 'sh', ...argv(args)], { cwd, env: own, columns: 160 });
}

const pidOf = (run: OnTerminal): number => Number(/pid=(\d+)/.exec(run.shown())?.[1]);

/** Programs of fleet that run as root on any host, without those that are always there. */
async function busyOn(host: number): Promise<readonly string[]> {
  const { stdout } = await world.lab.ssh(
    host,
    `ps -eo user=,args= | grep -E '/opt/fleet|fleet-' | grep '^root' | grep -vE 'grep|fleet-agent|fleet-account' ; ls -d /run/fleet-init.* 2>/dev/null; true`,
  );
  return stdout.split('\n').filter((line) => line !== '');
}

/** What has to hold after every interrupted command. */
async function expectGone(run: OnTerminal, code: number | null): Promise<void> {
  expect(await run.ends(240_000)).toBe(code);
  expect(run.shown().lastIndexOf(cursorShown)).toBeGreaterThanOrEqual(run.shown().lastIndexOf(cursorHidden));
  await eventually(60_000, async () => {
    for (const host of world.hosts) expect(await busyOn(host)).toEqual([]);
  });
  await expectNoKills(world);
}

async function expectAllWell(): Promise<void> {
  await eventually(90_000, async () => expect(await liveStates(world)).toEqual(online));
  expect(await world.operator.json(['moves'])).toMatchObject({ moves: [] });
  await expectNoKills(world);
}

const other = (host: string | null | undefined): string => (host === 'h1' ? 'h2' : 'h1');
const hostOf = async (account: string): Promise<string> => (await listAccounts(world)).find(({ name }) => name === account)?.host ?? '';

interface Verb {
  /** Called when it is its turn: what it does may depend on where accounts are. */
  readonly argv: () => Promise<readonly string[]>;
  /** What stands on the screen when the key is pressed. */
  readonly at: string;
  /** The command that ends what was left, as the screen says it. */
  readonly goOn: readonly string[];
  readonly said: RegExp;
}

const verbs: Readonly<Record<string, Verb>> = {
  allocate: { argv: async () => ['allocate', '--all'], at: 'asking every known host', goOn: ['allocate', '--all'], said: /fleet allocate/ },
  move: { argv: async () => ['move', 'anna', other(await hostOf('anna'))], at: 'staged', goOn: ['resume'], said: /fleet resume/ },
  drain: { argv: async () => ['drain', 'h1'], at: 'settling', goOn: ['drain', 'h1'], said: /was not moved|Open:/ },
  rebalance: {
    argv: async () => ['rebalance', '--threshold', '0', '--max-migrations', '2'],
    at: 'settling',
    goOn: ['resume'],
    said: /were? not moved|moves? (?:are|is) open|of \d moved/,
  },
};

describe('Ctrl-C on a terminal', () => {
  test.each(Object.entries(verbs))('%s', { timeout: 300_000 }, async (_, { argv, at, goOn, said }) => {
    const run = start(...(await argv()), '--yes');
    await run.shows(at);
    run.type(ctrlC);
    await run.shows('stopping after the acts that are under way');
    await expectGone(run, 130);
    expect(run.shown()).toMatch(said);
    // Who was stopped for a move is online again: only what had not begun is left.
    for (const { host, state } of await listAccounts(world)) if (host !== null) expect(state).toBe('online');
    await must(world, ...goOn);
    await must(world, 'hosts', 'uncordon', 'h1');
    await expectAllWell();
  });

  test('a second one leaves a move at once, and what it left is carried on', async () => {
    const run = start('move', 'ben', other(await hostOf('ben')), '--yes');
    await run.shows('staged');
    run.type(ctrlC);
    await run.shows('press Ctrl-C again');
    run.type(ctrlC);
    await expectGone(run, 130);
    await must(world, 'resume');
    await expectAllWell();
  });

  test('scripts push: pushed again, every host has the new script', async () => {
    await must(world, 'scripts', 'push');
    await writeScript('Hello again.');
    const run = start('scripts', 'push', '--yes');
    await run.shows('pid=');
    await sleep(1_500);
    run.type(ctrlC);
    await expectGone(run, 130);
    await must(world, 'scripts', 'push');
    expect(await must(world, 'scripts', 'push')).toContain('Nothing to push');
  });

  test('adopt writes nothing of hosts that it has not asked', async () => {
    const { directory } = world.operator;
    await mkdir(join(directory, 'away'));
    for (const name of await readdir(directory))
      if (name.startsWith('fleet.db')) await rename(join(directory, name), join(directory, 'away', name));
    const run = start('adopt', '--yes');
    await run.shows('pid=');
    await sleep(1_200);
    run.type(ctrlC);
    await expectGone(run, 130);
    await must(world, 'adopt');
    await expectAllWell();
  });

  test('check does not wait for the end of its watch', async () => {
    const run = start('check', '--stage', 'load', '--for', '1h');
    await run.shows('watching the load');
    run.type(ctrlC);
    await expectGone(run, 130);
  });
});

describe('other ends', () => {
  test.each(['SIGTERM', 'SIGHUP'] as const)('%s is like Ctrl-C', async (signal) => {
    const run = start('move', 'carla', other(await hostOf('carla')), '--yes');
    await run.shows('staged');
    process.kill(pidOf(run), signal);
    await expectGone(run, 130);
    await must(world, 'resume');
    await expectAllWell();
  });

  test('a terminal that is closed, and output that nobody reads, leave no account without a host', async () => {
    const run = start('move', 'dora', other(await hostOf('dora')), '--yes');
    await run.shows('staged');
    const pid = pidOf(run);
    run.vanishes();
    await eventually(120_000, async () => expect(() => process.kill(pid, 0)).toThrow());
    await must(world, 'resume');
    await expectAllWell();
    const to = other(await hostOf('dora'));
    const { directory: cwd, env, argv } = world.operator;
    const piped = `"$@" 2>&1 | head -c 1; exit "\${PIPESTATUS[0]}"`;
    const { code } = await tryCommand(['bash', '-c', piped, 'bash', ...argv(['move', 'dora', to, '--yes'])], {
      cwd,
      env,
      timeoutMs: 240_000,
    });
    expect([code, await hostOf('dora')]).toEqual([0, to]);
    await expectAllWell();
  });

  describe('a disk of the operator that is full', () => {
    const small = (): string => join(world.operator.directory, 'small');
    const fill = () => tryCommand(['sh', '-c', `cat /dev/zero > "${small()}/filler" 2>/dev/null; true`]);
    beforeAll(async () => {
      const { operator } = world;
      await mkdir(small());
      await tryCommand(['mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', small()]);
      await tryCommand(['sh', '-c', `mv "${operator.directory}"/fleet.db* "${small()}"`]);
      await operator.append('ledger: small/fleet.db\n');
    });
    afterAll(async () => {
      await tryCommand(['umount', small()]);
    });

    test.each([
      ['move', async () => ['move', 'anna', other(await hostOf('anna'))]],
      ['drain', async () => ['drain', 'h1']],
      ['sweep', async () => ['sweep']],
      ['accounts stop', async () => ['accounts', 'stop', 'anna']],
      ['hosts cordon', async () => ['hosts', 'cordon', 'h1']],
    ] as const)('%s says so and changes nothing', async (_, argv) => {
      const words = await argv();
      await fill();
      const { code, stderr, stdout } = await world.operator.fleet([...words, '--yes']);
      await rm(join(small(), 'filler'));
      expect([code, stderr]).toEqual([3, expect.stringMatching(/disk is full/)]);
      expect(`${stdout}${stderr}`).not.toContain('bug in fleet');
      await expectAllWell();
    });

    test('in the middle of a move: with room again it goes on', async () => {
      const run = start('move', 'anna', other(await hostOf('anna')), '--yes');
      await run.shows('staged');
      await fill();
      const code = await run.ends(240_000);
      await rm(join(small(), 'filler'));
      expect(code, run.shown()).toBe(3);
      expect(run.shown()).toMatch(/disk is full/);
      await must(world, 'resume');
      await expectAllWell();
    });
  });
});
