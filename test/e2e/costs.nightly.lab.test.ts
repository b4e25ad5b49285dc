/**
 * What commands cost beside the release before, on the same hosts in the same run: connections and requests of a command, and how long an account is
 * offline while it moves, as the data centre sees it.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { countingEnv, type RemoteCalls, takeCounted } from './count-calls.ts';
import { elsewhere, hostOf } from './move-looks.ts';
import { logIn } from './operator.ts';
import { expectAllOnline, longestOfflineMs, makeOldFleet, type UpgradeWorld } from './upgrade-world.ts';
import { importNew, must } from './world.ts';

let world: UpgradeWorld;
beforeAll(async () => {
  // Nothing of today's fleet may open the ledger before it was measured with the release before.
  world = await makeOldFleet([1, 2, 3]);
});
afterAll(() => world?.end());

type Release = 'before' | 'now';

const verbs = ['init', 'sweep', 'allocate', 'move'] as const;
type Verb = (typeof verbs)[number];

interface Measured {
  readonly calls: Readonly<Record<Verb, RemoteCalls>>;
  /** Of each move, as the data centre sees it, ms. */
  readonly offlineMs: readonly number[];
  /** Of each `init` of hosts that are ready, ms. */
  readonly initMs: readonly number[];
}

const timesEach = 5;

async function importAs(release: Release, name: string): Promise<void> {
  if (release === 'now') return void (await importNew(world, [name]));
  const [login] = await logIn(world.dc, `${world.operator.directory}/sessions`, [name]);
  const { code, stderr } = await world.before('accounts', 'import', login?.path ?? '');
  expect([code, stderr]).toEqual([0, expect.anything()]);
}

async function measure(release: Release): Promise<Measured> {
  const { operator } = world;
  const run = async (...args: string[]): Promise<RemoteCalls> => {
    const env = countingEnv(operator);
    const result = release === 'before' ? await world.beforeWith(env, ...args) : await operator.fleet([...args, '--yes'], { env });
    expect({ args, code: result.code, stderr: result.code === 0 ? '' : result.stderr }).toEqual({ args, code: 0, stderr: '' });
    return takeCounted(operator);
  };
  // What only the first command after a change does is none of a command's usual costs.
  await run('init');
  await run('sweep');
  const initMs: number[] = [];
  let init: RemoteCalls = { connections: 0, requests: 0 };
  for (let count = 0; count < timesEach; count += 1) {
    const sinceMs = Date.now();
    init = await run('init');
    initMs.push(Date.now() - sinceMs);
  }
  const sweep = await run('sweep');
  await importAs(release, `new-${release}`);
  const allocate = await run('allocate', `new-${release}`);
  const offlineMs: number[] = [];
  let move: RemoteCalls = { connections: 0, requests: 0 };
  for (let count = 0; count < timesEach; count += 1) {
    const sinceMs = Date.now();
    move = await run('move', 'anna-1', elsewhere(hostOf(world, 'anna-1')));
    offlineMs.push(await longestOfflineMs(world, sinceMs));
  }
  return { calls: { init, sweep, allocate, move }, offlineMs, initMs };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

test('a sweep, a first placement and a move cost what they cost under the release before', { timeout: 1_200_000 }, async () => {
  const before = await measure('before');
  await must(world, 'init');
  const now = await measure('now');
  for (const verb of verbs) {
    const [old, own] = [before.calls[verb], now.calls[verb]];
    console.log(
      `${verb} over 3 hosts: ${old.connections} connections and ${old.requests} requests before, ${own.connections} and ${own.requests} now`,
    );
  }
  const seconds = (times: readonly number[]): string => times.map((ms) => (ms / 1000).toFixed(1)).join(' ');
  console.log(`moves, offline for so many seconds: ${seconds(before.offlineMs)} before, ${seconds(now.offlineMs)} now`);
  console.log(`init of 3 hosts that are ready, seconds: ${seconds(before.initMs)} before, ${seconds(now.initMs)} now`);
  for (const verb of ['sweep', 'allocate', 'move'] as const) {
    expect(now.calls[verb].connections, verb).toBeLessThanOrEqual(before.calls[verb].connections);
    expect(now.calls[verb].requests, verb).toBeLessThanOrEqual(before.calls[verb].requests);
  }
  // One request more to each host is allowed; it is over the same connection, and the time decides.
  expect(now.calls.init.requests).toBeLessThanOrEqual(before.calls.init.requests + world.hosts.length);
  // The same machine in the same minutes; a difference of a second, or a third, is the machine's.
  expect(median(now.offlineMs)).toBeLessThan(median(before.offlineMs) * 1.3 + 2_000);
  expect(median(now.initMs)).toBeLessThan(median(before.initMs) * 1.3 + 2_000);
  await expectAllOnline(world);
});
