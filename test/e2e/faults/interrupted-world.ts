import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type OnTerminal, startOnTerminal } from '../../cli/screen/on-terminal.ts';
import {
  eventually,
  expectNoKills,
  importNew,
  listAccounts,
  liveStates,
  makeWorld,
  prepareFleet,
  type World,
} from '../world.ts';

const names = ['anna', 'ben', 'carla', 'dora'];
const online = Object.fromEntries(names.map((name) => [name, 'online']));
const cursorShown = '\u001b[?25h';
const cursorHidden = '\u001b[?25l';

export const other = (host: string): string => (host === 'h1' ? 'h2' : 'h1');
export const pidOf = (run: OnTerminal): number => Number(/pid=(\d+)/.exec(run.shown())?.[1]);

/**
 * Two hosts at the end of long ways, four accounts that are imported, and what has to hold whenever
 * a command was interrupted.
 */
export interface InterruptedWorld {
  readonly world: World;
  /** `fleet ARGS` on a terminal; its process id stands in front of what it shows. */
  start(...args: string[]): OnTerminal;
  hostOf(account: string): Promise<string>;
  writeScript(say: string): Promise<void>;
  /** It has ended so; the terminal is as it was, no host is busy, no key was lost. */
  expectGone(run: OnTerminal, code: number): Promise<void>;
  /** The screen names the command that ends each open move. */
  expectNamed(run: OnTerminal): Promise<void>;
  /** Every account online, no move open. */
  expectAllWell(): Promise<void>;
  end(): Promise<void>;
}

/**
 * Programs of fleet that run as root on the host, without those that are always there, and what an
 * interrupted init would leave.
 */
async function busyOn({ lab }: World, host: number): Promise<readonly string[]> {
  const running =
    `ps -eo user=,args= | grep -E '/opt/fleet|fleet-' | grep '^root' | grep -vE ` +
    `'grep|fleet-agent|fleet-quota|fleet-account'`;
  const { stdout } = await lab.ssh(host, `${running}; ls -d /run/fleet-init.* 2>/dev/null; true`);
  return stdout.split('\n').filter((line) => line !== '');
}

export async function makeInterruptedWorld(): Promise<InterruptedWorld> {
  const accounts = 'account_defaults: { script: desk, chats: { garden: -1001700000009 } }\n';
  const world = await makeWorld({ hosts: [1, 2], state: 'forgotten', accounts });
  const { lab, operator } = world;
  const writeScript = (say: string): Promise<void> =>
    writeFile(
      join(operator.directory, 'scripts/desk.yaml'),
      `version: 1\nrules:\n  - { name: hello, on: mention, say: "${say}" }\ndelay: { ` +
        'least: 1s, most: 2s }\n',
    );
  await mkdir(join(operator.directory, 'scripts'));
  await writeScript('Hello.');
  await prepareFleet(world);
  await importNew(world, names);
  // A person is in time.
  for (const host of world.hosts) await lab.slow(host, 150);
  const expectNamed = async (run: OnTerminal): Promise<void> => {
    const { moves } = await operator.json<{ moves: { account: string; endedBy: string }[] }>([
      'moves',
    ]);
    for (const { account, endedBy } of moves)
      expect([account, run.shown()]).toEqual([account, expect.stringContaining(endedBy)]);
  };
  return {
    world,
    writeScript,
    start: (...args) => {
      const env = { ...operator.env, PATH: process.env.PATH ?? '', TERM: 'xterm-256color' };
      const argv = ['sh', '-c', 'echo "pid=$$"; exec "$@"', 'sh', ...operator.argv(args)];
      return startOnTerminal(argv, { cwd: operator.directory, env, columns: 160 });
    },
    hostOf: async (account) =>
      (await listAccounts(world)).find(({ name }) => name === account)?.host ?? '',
    expectGone: async (run, code) => {
      expect(await run.ends(240_000)).toBe(code);
      expect(run.shown().lastIndexOf(cursorShown)).toBeGreaterThanOrEqual(
        run.shown().lastIndexOf(cursorHidden),
      );
      await eventually(60_000, async () => {
        for (const host of world.hosts) expect(await busyOn(world, host)).toEqual([]);
      });
      await expectNoKills(world);
    },
    expectAllWell: async () => {
      await eventually(90_000, async () => expect(await liveStates(world)).toEqual(online));
      expect(await operator.json(['moves'])).toMatchObject({ moves: [] });
      await expectNoKills(world);
    },
    end: async () => {
      for (const host of world.hosts) await lab.slow(host, 0);
      await world.end();
    },
    expectNamed,
  };
}
