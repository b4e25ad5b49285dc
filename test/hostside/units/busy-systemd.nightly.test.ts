/**
 * Whom bin/fleet-quota ends when systemd is kept busy, in a folder that stands in for a host: real
 * processes that are really stopped, a systemd whose time is written
 * down by the test. Whoever floods it is ended, however it behaves while somebody looks; others'
 * work, in whatever rhythm, ends nobody. Minutes, of waiting.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

/** What keeps systemd busy besides the accounts that flood it: ms of work, ms of rest. */
type Rhythm = readonly [workMs: number, restMs: number] | null;

interface Scene {
  readonly accounts: number;
  readonly floods: number;
  /** So long one that has noticed that it stood still keeps quiet, ms. */
  readonly quietMs: number;
  readonly others: Rhythm;
}

const keyOf = (index: number): string => String(index).padStart(32, 'a');

/**
 * Runs the watch in a scene until all that flood are ended, or for so long. Gives whom it has
 * ended.
 */
async function watch(scene: Scene, limitMs: number): Promise<string[]> {
  const root = await mkdtemp(join(tmpdir(), 'fleet-watch-'));
  const children: ChildProcess[] = [];
  try {
    return await play(scene, limitMs, root, children);
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await rm(root, { recursive: true, force: true });
  }
}

async function play(
  { accounts, floods, quietMs, others }: Scene,
  limitMs: number,
  root: string,
  children: ChildProcess[],
): Promise<string[]> {
  await mkdir(join(root, 'proc/1'), { recursive: true });
  for (const place of ['run/fleet-boot', 'var/lib/fleet/init', 'tmp', 'var/tmp'])
    await mkdir(join(root, place), { recursive: true });
  for (let index = 0; index < accounts; index += 1) {
    const child = spawn('sleep', ['10000'], { stdio: 'ignore' });
    children.push(child);
    await mkdir(join(root, 'var/lib/private/fleet-accounts', keyOf(index)), { recursive: true });
    const group = join(
      root,
      'sys/fs/cgroup/system.slice/system-fleet\\x2daccount.slice',
      `fleet-account@${keyOf(index)}.service`,
    );
    await mkdir(group, { recursive: true });
    await writeFile(join(group, 'cgroup.procs'), `${child.pid}\n`);
  }
  const writeTicks = async (ticks: number): Promise<void> => {
    const path = join(root, 'proc/1/stat');
    await writeFile(`${path}.new`, `1 (systemd) S ${'0 '.repeat(10)}${Math.round(ticks)} 0 0 0\n`);
    await rename(`${path}.new`, path);
  };
  await writeTicks(0);
  const full = join(root, 'run/fleet-boot/full');
  const ended = (): Promise<string[]> => readdir(full).catch(() => []);
  const watcher = spawn('bash', ['templates/bin/fleet-quota'], {
    env: { ...process.env, FLEET_ROOT: root, FLEET_RESERVE_KB: '64' },
    stdio: 'ignore',
  });
  children.push(watcher);
  const quietUntil = new Map<number, number>();
  const startedMs = performance.now();
  let [ticks, lastMs] = [0, startedMs];
  while (
    performance.now() - startedMs < limitMs &&
    (floods === 0 || (await ended()).length < floods)
  ) {
    await sleep(15);
    const nowMs = performance.now();
    const states = await Promise.all(
      children.slice(0, floods).map(({ pid }) =>
        readFile(`/proc/${pid}/stat`, 'latin1').then(
          (stat) => stat.split(') ')[1]?.[0] ?? 'X',
          () => 'X',
        ),
      ),
    );
    states.forEach((state, index) => {
      if (state === 'T') quietUntil.set(index, nowMs + quietMs);
    });
    const isFlooded = states.some(
      (state, index) => state === 'S' && nowMs >= (quietUntil.get(index) ?? 0),
    );
    const isAtWork = others !== null && (nowMs - startedMs) % (others[0] + others[1]) < others[0];
    if (isFlooded || isAtWork) ticks += (nowMs - lastMs) / 10;
    lastMs = nowMs;
    await writeTicks(ticks);
  }
  const found = await ended();
  console.log(
    `${JSON.stringify({ accounts, floods, quietMs, others })}: ${found.length} ended after ` +
      `${Math.round((performance.now() - startedMs) / 1000)} s`,
  );
  watcher.kill('SIGTERM');
  await new Promise((resolve) => watcher.once('exit', resolve));
  const stopped = await Promise.all(
    children.slice(0, accounts).map(({ pid }) =>
      readFile(`/proc/${pid}/stat`, 'latin1').then(
        (stat) => stat.includes(') T '),
        () => false,
      ),
    ),
  );
  expect(stopped, 'nobody is left standing still').not.toContain(true);
  return found.sort();
}

const floods = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => keyOf(index));

describe.concurrent('systemd is kept busy', () => {
  it.each<Scene>([
    { accounts: 2, floods: 1, quietMs: 0, others: null },
    { accounts: 30, floods: 1, quietMs: 0, others: null },
    { accounts: 12, floods: 3, quietMs: 0, others: null },
    { accounts: 8, floods: 1, quietMs: 0, others: [100, 3_000] },
    { accounts: 5, floods: 1, quietMs: 25_000, others: null },
    { accounts: 5, floods: 2, quietMs: 8_000, others: null },
  ])('by accounts: %j', { timeout: 1_200_000 }, async (scene) => {
    expect(await watch(scene, 1_100_000)).toEqual(floods(scene.floods));
  });

  it.each<[number, number]>([
    [500, 500],
    [700, 600],
    [1_000, 1_100],
    [1_500, 800],
    [60_000, 1],
  ])(
    'by others, for %i ms and then not for %i ms: nobody is ended',
    { timeout: 400_000 },
    async (workMs, restMs) => {
      expect(
        await watch({ accounts: 3, floods: 0, quietMs: 0, others: [workMs, restMs] }, 150_000),
      ).toEqual([]);
    },
  );
});
