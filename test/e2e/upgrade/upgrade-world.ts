import { expect } from 'vitest';
import { type CommandResult, tryCommand } from '../../lab/run-command.ts';
import type { LabDataCentre } from '../lab-data-centre.ts';
import { type Login, logIn } from '../operator.ts';
import { eventually, expectExclusive, makeWorld, type World } from '../world.ts';
import { type ReleaseBefore, unpackReleaseBefore } from './release-before.ts';

/**
 * Hosts with accounts online under the release before, and an operator who has both command lines.
 */
export interface UpgradeWorld extends World {
  readonly logins: readonly Login[];
  /** `fleet ARGS` of the release before, whatever comes of it. */
  before(...args: string[]): Promise<CommandResult>;
  /** The same with more of an environment. */
  beforeWith(env: Readonly<Record<string, string>>, ...args: string[]): Promise<CommandResult>;
}

/** Two accounts on each host, allocated by the release before. */
export async function makeOldFleet(
  hosts: readonly number[],
  dc?: LabDataCentre,
): Promise<UpgradeWorld> {
  const release: ReleaseBefore = await unpackReleaseBefore();
  // Machines that no newer programs have judged in this boot.
  const world = await makeWorld({ hosts, state: 'equipped', ...(dc === undefined ? {} : { dc }) });
  const beforeWith: UpgradeWorld['beforeWith'] = (env, ...args) =>
    tryCommand(release.argv([...args, '--yes']), {
      cwd: world.operator.directory,
      env: { ...world.operator.env, ...env },
      timeoutMs: 300_000,
    });
  const before: UpgradeWorld['before'] = (...args) => beforeWith({}, ...args);
  const must = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await before(...args);
    expect({ args, code, stderr: code === 0 ? '' : stderr }).toEqual({ args, code: 0, stderr: '' });
  };
  const names = hosts.flatMap((host) => [`anna-${host}`, `ben-${host}`]);
  const logins = await logIn(world.dc, `${world.operator.directory}/sessions`, names);
  for (const args of [['hosts', 'trust'], ['init'], ['vault', 'create-key']]) await must(...args);
  await must('accounts', 'import', ...logins.map(({ path }) => path));
  await must('allocate', '--all', '--strategy', 'even');
  const end = async (): Promise<void> => {
    await world.end();
    await release.remove();
  };
  return { ...world, logins, before, beforeWith, end };
}

/**
 * Every account is online at its owner's, on one connection, and no key was killed; at once, or as
 * soon as its worker has come back, for which it may wait for 80 s.
 */
export const expectAllOnline = (
  world: World & Pick<UpgradeWorld, 'logins'>,
  limitMs = 180_000,
): Promise<void> => eventually(limitMs, () => expectExclusive(world, world.logins));

/**
 * What the data centre saw of the accounts since `sinceMs`: the longest time in which one of them
 * had no connection, ms.
 */
export async function longestOfflineMs(
  { dc, logins }: Pick<UpgradeWorld, 'dc' | 'logins'>,
  sinceMs: number,
): Promise<number> {
  const { accounts } = await dc.report();
  const gaps = logins.map(({ dcKeyId }) => {
    const own = accounts.find(({ keyId }) => keyId === dcKeyId)?.connections ?? [];
    const closed = own.flatMap(({ closedAt }) =>
      closedAt === null || closedAt < sinceMs ? [] : [closedAt],
    );
    const nextOf = (atMs: number): number =>
      Math.min(
        ...own.map(({ openedAt }) => openedAt).filter((openedAt) => openedAt >= atMs),
        Date.now(),
      );
    return Math.max(0, ...closed.map((atMs) => nextOf(atMs) - atMs));
  });
  return Math.max(...gaps);
}
