/**
 * An upgrade from the release before, killed at each of its remote calls, ended after each of its
 * steps, and put back; then a boot, then the upgrade goes on.
 * The data centre counts connections.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { countingEnv, takeCounted } from '../count-calls.ts';
import { noteFaultPoint } from '../fault-points.ts';
import { type LabDataCentre, startLabDataCentre } from '../lab-data-centre.ts';
import { eventually, expectNoKills, labOfThisFile, liveStates, must } from '../world.ts';
import {
  expectAllOnline,
  longestOfflineMs,
  makeOldFleet,
  type UpgradeWorld,
} from './upgrade-world.ts';

const preload = new URL('../kill-at-call.ts', import.meta.url).href;
/** More of them at a time overload a small machine. */
const hostsAtOnce = [1, 2, 3];

let dc: LabDataCentre;
/** Remote calls of a whole upgrade of one host. */
let callsOfUpgrade = 0;
beforeAll(async () => {
  dc = await startLabDataCentre(await labOfThisFile(), false);
  callsOfUpgrade = await onOldFleet([1], async (world) => {
    const { code, stderr } = await world.operator.fleet(['init', '--yes'], {
      env: countingEnv(world.operator),
    });
    expect([code, stderr]).toEqual([0, expect.anything()]);
    const { connections, requests } = await takeCounted(world.operator);
    await expectAllOnline(world);
    return connections + requests;
  });
  console.log(`an upgrade of one host takes ${callsOfUpgrade} remote calls`);
});
afterAll(() => dc?.stop());

async function onOldFleet<T>(
  hosts: readonly number[],
  act: (world: UpgradeWorld) => Promise<T>,
): Promise<T> {
  const world = await makeOldFleet(hosts, dc);
  try {
    await expectAllOnline(world);
    return await act(world);
  } finally {
    await world.end();
  }
}

/**
 * The steps of `init` that change something on such a host, in their order; each leaves the host
 * between both releases when nothing follows.
 */
const steps = ['user', 'directories', 'release', 'host-config', 'units', 'agent', 'former-user'];

/** An upgrade that does not end as it should, and whether the host is put back after it. */
interface Attempt {
  readonly name: string;
  readonly isPutBack: boolean;
  begin(world: UpgradeWorld): Promise<void>;
}

const killed = (call: number, when: string, isPutBack: boolean): Attempt => ({
  name: `killed ${when.replace(':', ', so many ms: ')} its call ${call}`,
  isPutBack,
  begin: async ({ operator }) => {
    const { code, stderr } = await operator.fleet(['init', '--yes'], {
      env: { NODE_OPTIONS: `--import ${preload}`, FLEET_KILL_AT: `${call}:${when}` },
    });
    // One that is killed late enough has ended before.
    expect([0, 137], stderr).toContain(code);
  },
});

const endedAfter = (count: number, isPutBack: boolean): Attempt => ({
  name: `ended after its step ${steps[count - 1]}`,
  isPutBack,
  begin: async (world) => void (await must(world, 'init', '--only', steps.slice(0, count).join())),
});

/**
 * At each call once before anything of it is sent, and once while the host works at it: the program
 * itself takes seconds.
 */
const allAttempts = (): Attempt[] => {
  const calls = Array.from({ length: callsOfUpgrade }, (_, index) => index + 1);
  return [
    ...[true, false].flatMap((isPutBack) =>
      steps.map((_, index) => endedAfter(index + 1, isPutBack)),
    ),
    ...calls.flatMap((call) => [
      killed(call, 'before', call % 2 === 0),
      killed(call, 'after:1200', call % 2 === 1),
    ]),
  ];
};

/**
 * Online by itself, or held by the gate, and then given back by a sweep once the host is upgraded.
 * Returns the minutes offline.
 */
async function rebootAndGoOn(world: UpgradeWorld, host: number): Promise<number> {
  const sinceMs = Date.now();
  await world.lab.reboot(host);
  await eventually(120_000, async () => {
    const states = Object.values(await liveStates(world));
    expect(states.map((state) => (state === 'held' ? 'online' : state))).toEqual([
      'online',
      'online',
    ]);
  });
  await expectNoKills(world);
  await must(world, 'init');
  await must(world, 'sweep');
  await expectAllOnline(world, 120_000);
  return (await longestOfflineMs(world, sinceMs)) / 60_000;
}

async function tryOn(host: number, attempt: Attempt): Promise<void> {
  const { isPutBack } = attempt;
  const what = `upgrade ${attempt.name}${isPutBack ? ', then put back' : ''}, then a reboot`;
  await onOldFleet([host], async (world) => {
    await attempt.begin(world);
    await expectAllOnline(world);
    // Nothing to go back to where the new release is not there yet.
    if (isPutBack) await world.operator.fleet(['init', '--rollback', '--yes']);
    await expectAllOnline(world);
    const minutes = await rebootAndGoOn(world, host);
    console.log(`${what}: offline for ${minutes.toFixed(2)} min at most`);
    noteFaultPoint(what);
  }).catch((cause: unknown) => {
    throw new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  });
}

test('an upgrade that is killed or ended anywhere, put back or not', {
  timeout: 3_600_000,
}, async () => {
  const waiting = allAttempts();
  const failures: unknown[] = [];
  const work = async (host: number): Promise<void> => {
    for (let attempt = waiting.shift(); attempt !== undefined; attempt = waiting.shift())
      await tryOn(host, attempt).catch((failure: unknown) => failures.push(failure));
  };
  await Promise.all(hostsAtOnce.map(work));
  expect(failures).toEqual([]);
});

test('a host of the release before that was failed over: it is kept from starting what moved on, upgraded, and told', {
  timeout: 600_000,
}, async () => {
  await onOldFleet([1, 2], async (world) => {
    await must(world, 'init', '--limit', 'h2');
    await world.lab.crash(1);
    await must(world, 'failover', 'h1', '--destroyed');
    await expectAllOnline(world);
    // Its boot starts what it had: "destroyed" was false. Telegram is away until the first contact.
    await dc.suspend();
    await world.lab.start(1);
    const swept = await world.operator.fleet(['sweep']);
    expect([swept.code, swept.stderr]).toEqual([
      3,
      expect.stringContaining('fleet init --limit h1'),
    ]);
    expect((await world.lab.ssh(1, "systemctl is-active 'fleet-account@*'")).stdout).not.toMatch(
      /^active$/m,
    );
    await dc.resume();
    // Its first contact waits for as long as Telegram may count a worker of that release, which is
    // longer than a helper may take; the next one goes on.
    await eventually(300_000, async () => void (await must(world, 'init')));
    await must(world, 'sweep');
    await expectAllOnline(world, 120_000);
    noteFaultPoint('a host of the release before, failed over, comes back');
  });
});
