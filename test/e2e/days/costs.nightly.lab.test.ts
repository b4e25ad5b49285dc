/**
 * What commands cost beside the release before, by turns in the same minutes, each on two hosts of
 * its own: connections and requests of a command, and how long an
 * account is offline while it moves, as the data centre sees it. How long `init` takes is for
 * bench/init-beside.ts: here it would start from its sources.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { countingEnv, type RemoteCalls, takeCounted } from '../count-calls.ts';
import { hostOf } from '../move-looks.ts';
import { type Login, logIn } from '../operator.ts';
import {
  expectAllOnline,
  longestOfflineMs,
  makeOldFleet,
  type UpgradeWorld,
} from '../upgrade/upgrade-world.ts';
import { importNew, makeWorld, must, prepareFleet, type World } from '../world.ts';

/** The first host of a lab has another login user. */
const [oldHosts, ownHosts] = [
  [2, 3],
  [4, 5],
] as const;
let old: UpgradeWorld;
let own: World & { readonly logins: readonly Login[] };

beforeAll(async () => {
  old = await makeOldFleet(oldHosts);
  const world = await makeWorld({ hosts: ownHosts, state: 'equipped', dc: old.dc });
  await prepareFleet(world);
  const logins = await importNew(
    world,
    ownHosts.flatMap((host) => [`anna-${host}`, `ben-${host}`]),
  );
  await must(world, 'allocate', '--all', '--strategy', 'even');
  own = { ...world, logins };
});
afterAll(async () => {
  await own?.end();
  await old?.end();
});

interface Contestant {
  readonly world: World & { readonly logins: readonly Login[] };
  readonly importNew: (name: string) => Promise<void>;
  readonly run: (...args: string[]) => Promise<RemoteCalls>;
}

/** Both from their sources, because only there calls are counted. */
const contestants = (): Readonly<Record<'before' | 'now', Contestant>> => {
  const counted = async (
    world: World,
    args: readonly string[],
    run: (env: Record<string, string>) => ReturnType<typeof old.before>,
  ) => {
    const { code, stderr } = await run(countingEnv(world.operator));
    expect({ args, code, stderr: code === 0 ? '' : stderr }).toEqual({ args, code: 0, stderr: '' });
    return takeCounted(world.operator);
  };
  return {
    before: {
      world: old,
      importNew: async (name) => {
        const [login] = await logIn(old.dc, `${old.operator.directory}/sessions`, [name]);
        expect((await old.before('accounts', 'import', login?.path ?? '')).code).toBe(0);
      },
      run: (...args) => counted(old, args, (env) => old.beforeWith(env, ...args)),
    },
    now: {
      world: own,
      importNew: async (name) => void (await importNew(own, [name])),
      run: (...args) =>
        counted(own, args, (env) => own.operator.fleet([...args, '--yes'], { env })),
    },
  };
};

const verbs = ['init', 'sweep', 'allocate', 'move'] as const;
const releases = ['before', 'now'] as const;
const rounds = 7;

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

test('init, sweep, a first placement and a move cost what they cost under the release before', {
  timeout: 1_200_000,
}, async () => {
  const of = contestants();
  const calls = { before: new Map<string, RemoteCalls>(), now: new Map<string, RemoteCalls>() };
  for (const release of releases) {
    const { run, importNew } = of[release];
    // What only the first command after a change does is none of a command's usual costs.
    for (const verb of ['init', 'sweep']) await run(verb);
    for (const verb of ['init', 'sweep']) calls[release].set(verb, await run(verb));
    await importNew('clara');
    calls[release].set('allocate', await run('allocate', 'clara'));
  }
  const offlineMs = { before: [] as number[], now: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    for (const release of releases) {
      const { run, world } = of[release];
      const [first = '', second = ''] = world.hosts.map((host) => `h${host}`);
      const sinceMs = Date.now();
      const account = `anna-${world.hosts[0]}`;
      calls[release].set(
        'move',
        await run('move', account, hostOf(world, account) === first ? second : first),
      );
      offlineMs[release].push(await longestOfflineMs(world, sinceMs));
    }
  }
  const words = ({ connections, requests }: RemoteCalls): string =>
    `${connections} connections and ${requests} requests`;
  for (const verb of verbs) {
    const [before, now] = releases.map(
      (release) => calls[release].get(verb) ?? { connections: Number.NaN, requests: Number.NaN },
    );
    if (before === undefined || now === undefined) throw new Error(`${verb} was not counted`);
    console.log(`${verb} over 2 hosts: ${words(before)} before, ${words(now)} now`);
    expect(now.connections, verb).toBeLessThanOrEqual(before.connections);
    expect(now.requests, verb).toBeLessThanOrEqual(before.requests);
  }
  const seconds = (times: readonly number[]): string =>
    times.map((ms) => (ms / 1000).toFixed(1)).join(' ');
  const [before, now] = [median(offlineMs.before), median(offlineMs.now)];
  console.log(
    `moves, offline for so many seconds: ${seconds(offlineMs.before)} before, ` +
      `${seconds(offlineMs.now)} now`,
  );
  console.log(
    `their medians: ${(before / 1000).toFixed(2)} before, ${(now / 1000).toFixed(2)} now, ` +
      `${(now / before).toFixed(2)} times`,
  );
  // They ran by turns, so what else the machine did hit both; what is left is chance.
  expect(now).toBeLessThan(before * 1.15 + 200);
  await expectAllOnline(old);
  await expectAllOnline(own);
});
