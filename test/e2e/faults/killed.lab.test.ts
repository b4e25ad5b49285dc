/**
 * kill -9 of the operator's command at every remote call: run again, it converges, nothing is left
 * behind, and no key was ever used twice.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noteFaultPoint } from '../fault-points.ts';
import { type LabDataCentre, startLabDataCentre } from '../lab-data-centre.ts';
import type { Login } from '../operator.ts';
import {
  expectExclusive,
  importNew,
  type ListedAccount,
  labOfThisFile,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

const preload = new URL('../kill-at-call.ts', import.meta.url).href;
const killedBySigkill = 137;

/** Whether the command was killed; otherwise it has ended well. */
async function runUntilKilled(
  { operator }: World,
  args: readonly string[],
  killAt: string,
): Promise<boolean> {
  const { code, stderr } = await operator.fleet(args, {
    env: { NODE_OPTIONS: `--import ${preload}`, FLEET_KILL_AT: killAt },
  });
  expect([0, killedBySigkill], `${killAt}: ${stderr}`).toContain(code);
  if (code !== killedBySigkill) return false;
  const [call, when, delayMs = '0'] = killAt.split(':');
  noteFaultPoint(
    `fleet ${args[0]} killed ${when} its remote call ` +
      `${call}${when === 'after' ? ` (${delayMs} ms into it)` : ''}`,
  );
  return true;
}

/**
 * How long after the call was sent: right away, and while the host is at work on it. Spread over
 * the calls.
 */
const delaysMs = [0, 60, 150, 400];

type Variant = 'before' | 'after';
const killAt = (call: number, variant: Variant): string =>
  variant === 'before' ? `${call}:before` : `${call}:after:${delaysMs[call % delaysMs.length]}`;

let dc: LabDataCentre;
beforeAll(async () => {
  dc = await startLabDataCentre(await labOfThisFile(), false);
});
afterAll(() => dc?.stop());

/** Session files on the hosts are those of the ledger's placements, no more and no less. */
async function expectNoOrphans(world: World, accounts: readonly ListedAccount[]): Promise<void> {
  const list =
    'cd /var/lib/fleet/accounts 2>/dev/null && ls -d */epochs/* */epochs/.[!.]* 2>/dev/null; true';
  const staged = await Promise.all(
    world.hosts.map(async (host) =>
      (await world.lab.ssh(host, list)).stdout.split('\n').filter(Boolean),
    ),
  );
  const expected = world.hosts.map((host) =>
    accounts
      .filter((account) => account.host === `h${host}`)
      .map(({ keyId, epoch }) => `${keyId}/epochs/${epoch}`),
  );
  expect(staged).toEqual(expected.map((paths) => paths.sort()));
}

/**
 * Accounts are removed together every so many calls: one by one takes long, and all at once fills
 * the machine.
 */
const callsPerClearing = 6;

/**
 * New accounts for every call of `fleet allocate`, until the command gets through without meeting
 * the call. Returns how many were met.
 */
async function killAllocateEverywhere(world: World, variant: Variant): Promise<number> {
  let logins: Login[] = [];
  for (let call = 1; ; call += 1) {
    logins.push(...(await importNew(world, [`${variant}-${call}-a`, `${variant}-${call}-b`])));
    const isKilled = await runUntilKilled(
      world,
      ['allocate', '--all', '--strategy', 'even', '--yes'],
      killAt(call, variant),
    );
    if (isKilled) await must(world, 'allocate', '--all');
    const { accounts, openMoves } = await world.operator.json<{
      accounts: ListedAccount[];
      openMoves: unknown[];
    }>(['status']);
    expect(accounts.map(({ name, state }) => `${name} ${state}`).sort()).toEqual(
      logins.map(({ account }) => `${account} online`).sort(),
    );
    expect(openMoves).toEqual([]);
    await expectNoOrphans(world, accounts);
    await expectExclusive(world, logins, accounts);
    if (call % callsPerClearing === 0 || !isKilled) {
      await must(world, 'accounts', 'remove', ...logins.map(({ account }) => account));
      await expectNoOrphans(world, []);
      logins = [];
    }
    if (!isKilled) return call - 1;
  }
}

describe('allocate', () => {
  test.concurrent.for([
    ['before', [1, 2]],
    ['after', [3, 4]],
  ] as const)('killed %s each of its calls', { timeout: 600_000 }, async ([variant, hosts]) => {
    const world = await makeWorld({ hosts, state: 'forgotten', dc });
    await prepareFleet(world);
    const calls = await killAllocateEverywhere(world, variant);
    // Two hosts: to log in, to look, and to stage, survey, grant and await.
    expect(calls).toBeGreaterThanOrEqual(10);
    console.log(`allocate on two hosts makes ${calls} calls`);
    await world.end();
  });
});

/** What a run that was killed may leave, and the next one must take away. */
const remnants =
  `find /opt/fleet /etc /usr/local /var/lib/fleet /run -xdev \\( -name '*.fleet-new' -o ` +
  `-name '*.part' -o -name '.new' -o -name 'fleet-init.*' -o -name 'owed.*' \\) ! -name ` +
  `'fleet-init.lock'`;

/**
 * Kills init at each of the calls, one run after the other on the same new host, then lets it
 * through. Returns those that were met.
 */
async function killInit(host: number, calls: readonly string[]): Promise<string[]> {
  const world = await makeWorld({
    hosts: [host],
    state: calls === early ? 'wiped' : 'equipped',
    dc,
  });
  try {
    await must(world, 'hosts', 'trust');
    const met: string[] = [];
    for (const call of calls) if (await runUntilKilled(world, ['init'], call)) met.push(call);
    await must(world, 'init');
    expect((await world.operator.fleet(['init', '--check'])).code).toBe(0);
    expect((await world.lab.ssh(host, remnants)).stdout).toBe('');
    expect(
      (
        await world.lab.ssh(
          host,
          'systemctl is-active fleet-agent ufw fail2ban; ls /opt/fleet/releases | wc -l',
        )
      ).stdout,
    ).toBe('active\nactive\nactive\n1\n');
    return met;
  } finally {
    await world.end();
  }
}

/**
 * To log in, and the program: before it, and wherever it happens to be. The later calls need a host
 * without fleet each, or they would not be made.
 */
const early = ['1:before', '1:after:20', '2:before', '2:after:300', '2:after:2500', '2:after:9000'];
/**
 * Twice to log in anew and to confirm: that the host's settings and then its firewall let people
 * in; and the first sample.
 */
const late = [3, 4, 5, 6, 7].flatMap((call) => [`${call}:before`, `${call}:after:20`]);

describe('init', () => {
  test('killed before and after each of its calls, on new hosts', {
    timeout: 900_000,
  }, async () => {
    // After the eighth, which looks whether the new agent can be asked, a run gets through.
    const waiting = [early, ...late.map((call) => [call]), ['8:before']];
    const met: string[] = [];
    const work = async (host: number): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
        met.push(...(await killInit(host, next)));
    };
    await Promise.all([1, 2, 3, 4, 5].map(work));
    // Over before that where the machine is quick.
    const isSure = (call: string): boolean =>
      !/^(?:7:after|8:)/.test(call) && call !== '2:after:9000';
    expect(met.filter(isSure).sort()).toEqual([...early, ...late].filter(isSure).sort());
  });
});
