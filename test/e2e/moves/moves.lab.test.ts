/**
 * Accounts change their host on real hosts, also under kill -9 of the command. The data centre
 * counts connections.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MovePhase } from '../../../src/ownership/phases.ts';
import { findFaults } from '../doctor.ts';
import { noteFaultPoint } from '../fault-points.ts';
import { forgeHistory } from '../forge-history.ts';
import { elsewhere, hostNumber, hostOf, phaseOf } from '../move-looks.ts';
import type { Login } from '../operator.ts';
import {
  expectExclusive,
  importNew,
  listAccounts,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

const preload = new URL('../kill-at-call.ts', import.meta.url).href;

let world: World;
let logins: Login[];
beforeAll(async () => {
  // Samples that stay fresh for as long as all this takes: taking new ones would be calls of their
  // own, and a kill would meet another one.
  world = await makeWorld({
    hosts: [1, 2, 3],
    state: 'forgotten',
    accounts: 'placement: { sample_max_age: 1h }\n',
  });
  await prepareFleet(world);
  logins = await importNew(world, ['anna', 'ben', 'carla']);
  await must(world, 'allocate', '--all');
});
afterAll(() => world?.end());

interface Moved {
  readonly moves: readonly {
    readonly account: string;
    readonly offlineMs: number | null;
    readonly settledMs: number | null;
    readonly code: string | null;
  }[];
}

const keyIdOf = (name: string): string =>
  logins.find(({ account }) => account === name)?.keyId ?? '';

/**
 * Session files on the hosts are those of the owners, and no host has the state of an account that
 * it does not own.
 */
async function expectNothingLeft(): Promise<void> {
  const list =
    'cd /var/lib/fleet/accounts && ls -d */epochs/* 2>/dev/null; cd ' +
    '/var/lib/private/fleet-accounts 2>/dev/null && ls -d *; true';
  const found = await Promise.all(
    world.hosts.map(async (host) =>
      (await world.lab.ssh(host, list)).stdout.split('\n').filter(Boolean).sort(),
    ),
  );
  const owned = await listAccounts(world);
  const expected = world.hosts.map((host) =>
    owned
      .filter((account) => account.host === `h${host}`)
      .flatMap(({ keyId, epoch }) => [keyId, `${keyId}/epochs/${epoch}`]),
  );
  expect(found).toEqual(expected.map((paths) => paths.sort()));
}

async function expectSettled(): Promise<void> {
  expect(await world.operator.json(['moves'])).toMatchObject({ moves: [] });
  expect((await listAccounts(world)).map(({ name, state }) => [name, state])).toEqual(
    ['anna', 'ben', 'carla'].map((name) => [name, 'online']),
  );
  await expectNothingLeft();
}

/**
 * Milliseconds between two connections of one key, as the data centre saw the last change of host.
 */
async function gapMs(name: string): Promise<number> {
  const { accounts } = await world.dc.report();
  const { dcKeyId } = logins.find(({ account }) => account === name) ?? { dcKeyId: '' };
  const connections = accounts.find(({ keyId }) => keyId === dcKeyId)?.connections ?? [];
  const [before, after] = connections.slice(-2);
  return (after?.authorizedAt ?? Number.NaN) - (before?.closedAt ?? Number.NaN);
}

/** Ctrl-C in the moment in which the journal shows the phase. */
async function interruptAt(
  name: string,
  to: string,
  phase: MovePhase,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { operator } = world;
  const [program = '', ...args] = operator.argv(['move', name, to, '--yes']);
  const child = spawn(program, args, {
    cwd: operator.directory,
    env: { ...process.env, ...operator.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  const said = Promise.all([text(child.stdout), text(child.stderr)]);
  while (phaseOf(world, name) !== phase && child.exitCode === null) await sleep(5);
  child.kill('SIGINT');
  const [code] = (await ended) as [number | null];
  const [stdout, stderr] = await said;
  return { code, stdout, stderr };
}

describe('a move', () => {
  test('carries the state along, stops the account for less than 5 s beyond the settle floor, and leaves nothing behind', async () => {
    const [from, to] = [hostOf(world, 'anna'), elsewhere(hostOf(world, 'anna'))];
    const state = `/var/lib/private/fleet-accounts/${keyIdOf('anna')}`;
    const owner = `--reference=${state}`;
    const made =
      `mkdir ${state}/d; echo remembered > ${state}/d/notes; head -c 700000 /dev/urandom > ` +
      `${state}/blob; ln -s d/notes ${state}/link; chown -R ${owner} ${state}/*; sha256sum ` +
      `${state}/blob`;
    const before = await world.lab.ssh(hostNumber(from), made);
    const { moves } = await world.operator.json<Moved>(['move', 'anna', to]);
    expect(moves).toMatchObject([
      { account: 'anna', host: to, state: 'online', phase: 'done', code: null },
    ]);
    const after = await world.lab.ssh(
      hostNumber(to),
      `sha256sum ${state}/blob; cat ${state}/link; stat -c %u:%a ${state}/d/notes ` +
        `${state}/d; stat -c %u /proc/$(systemctl show -p MainPID --value ` +
        `fleet-account@${keyIdOf('anna')})`,
    );
    const user = after.stdout.trim().split('\n').at(-1);
    expect(user).toMatch(/^6\d{4}$/);
    expect(after.stdout).toBe(`${before.stdout}remembered\n${user}:644\n${user}:700\n${user}\n`);
    const [move] = moves;
    const gap = await gapMs('anna');
    console.log(
      `move: offline ${move?.offlineMs} ms by the operator, ${gap} ms by the data centre, ` +
        `settle floor ${move?.settledMs} ms`,
    );
    expect((move?.offlineMs ?? Number.NaN) - (move?.settledMs ?? 0)).toBeLessThan(20_000);
    expect(gap).toBeGreaterThan(1000);
    await expectSettled();
    await expectExclusive(world, logins);
    // The state in the vault is encrypted.
    expect(
      (await readFile(join(world.operator.directory, 'vault', 'states', 'anna.age'))).includes(
        'remembered',
      ),
    ).toBe(false);
  });

  test('to where it is already does nothing; to a host that may not have it is refused', async () => {
    const host = hostOf(world, 'anna') ?? '';
    expect(await world.operator.json(['move', 'anna', host])).toMatchObject({
      ok: true,
      moves: [],
      plan: { moves: [] },
    });
    await must(world, 'hosts', 'cordon', 'h3');
    const refused = await world.operator.fleet(['move', 'anna', 'h3', '--yes']);
    expect([refused.code, refused.stderr]).toEqual([
      3,
      expect.stringContaining('h3 cannot take anna: host is cordoned'),
    ]);
    await must(world, 'hosts', 'uncordon', 'h3');
    expect((await world.operator.fleet(['move', 'anna', 'nowhere', '--yes'])).code).toBe(2);
    expect((await world.operator.fleet(['move', 'anna', 'h3'])).code).toBe(2);
  });

  test('ends between two acts at Ctrl-C and says what is open; the account was not stopped; resume moves it', async () => {
    const [from, to] = [hostOf(world, 'ben'), elsewhere(hostOf(world, 'ben'))];
    const { code, stdout, stderr } = await interruptAt('ben', to, 'planned');
    expect([code, stdout]).toEqual([130, expect.stringContaining('0 of 1 moved.')]);
    expect(stderr).toContain('ben was not stopped');
    expect(stderr).toMatch(/one move is open[\s\S]*ben[\s\S]*fleet resume/);
    noteFaultPoint('fleet move interrupted by Ctrl-C between stage and release');
    expect(hostOf(world, 'ben')).toBe(from);
    await expectExclusive(world, logins);
    expect(await must(world, 'moves')).toContain('staged');
    await must(world, 'resume');
    expect(hostOf(world, 'ben')).toBe(to);
    await expectSettled();
    await expectExclusive(world, logins);
  });

  test('that its new host cannot bring online comes back by itself, once', async () => {
    const from = hostOf(world, 'ben') ?? '';
    const to = elsewhere(from);
    const dropIn = '/etc/systemd/system/fleet-account@.service.d';
    await world.lab.ssh(
      hostNumber(to),
      `mkdir -p ${dropIn}; printf '[Service]\\nExecStart=\\nExecStart=/bin/sh -c "exit ` +
        `77"\\n' > ${dropIn}/broken.conf; systemctl daemon-reload`,
    );
    const { code, stdout, stderr } = await world.operator.fleet(['move', 'ben', to, '--yes']);
    await world.lab.ssh(hostNumber(to), `rm -r ${dropIn}; systemctl daemon-reload`);
    expect([code, stderr]).toEqual([3, expect.stringContaining(`ben on ${to} is held`)]);
    expect(stdout).toContain(`${to}, is on ${from}`);
    noteFaultPoint('the new host of a move cannot run the worker');
    expect(hostOf(world, 'ben')).toBe(from);
    await expectSettled();
    await expectExclusive(world, logins);
  });
});

describe('a drain', () => {
  test('empties a host of three accounts, and is told when there is nothing to do', async () => {
    for (const name of ['anna', 'ben', 'carla'])
      if (hostOf(world, name) !== 'h3') await must(world, 'move', name, 'h3');
    const started = performance.now();
    const { moves } = await world.operator.json<Moved>(['drain', 'h3']);
    console.log(
      `drain of 3: ${((performance.now() - started) / 1000).toFixed(1)} s, offline ` +
        `${moves.map(({ offlineMs }) => offlineMs).join(', ')} ms each`,
    );
    expect(moves.map(({ code }) => code)).toEqual([null, null, null]);
    expect((await listAccounts(world)).filter(({ host }) => host === 'h3')).toEqual([]);
    await expectSettled();
    await expectExclusive(world, logins);
    expect(await must(world, 'drain', 'h3')).toContain('0 of 0 moved');
    await must(world, 'hosts', 'uncordon', 'h3');
  });

  test('begins nothing after its deadline, leaves a pinned account, and says which', async () => {
    for (const name of ['anna', 'ben', 'carla'])
      if (hostOf(world, name) !== 'h3') await must(world, 'move', name, 'h3');
    expect(await must(world, 'accounts', 'pin', 'carla')).toContain('carla is pinned to h3');
    const refused = await world.operator.fleet(['move', 'carla', 'h1', '--yes']);
    expect([refused.code, refused.stderr]).toEqual([
      3,
      expect.stringMatching(/h1 cannot take carla: .*pinned/),
    ]);
    const { code, stdout, stderr } = await world.operator.fleet([
      'drain',
      'h3',
      '--deadline',
      '1500ms',
      '--yes',
    ]);
    expect([code, stdout]).toEqual([3, expect.stringContaining('1 of 2 moved')]);
    expect(stderr).toMatch(/ben was not moved to h\d: the deadline has passed/);
    expect(stderr).toMatch(/carla/);
    expect(
      (await listAccounts(world)).filter(({ host }) => host === 'h3').map(({ name }) => name),
    ).toEqual(['ben', 'carla']);
    await must(world, 'accounts', 'unpin', 'carla');
    await must(world, 'hosts', 'uncordon', 'h3');
    await expectExclusive(world, logins);
  });

  test('every decision can be made again from what was known then', async () => {
    for (const [name, type] of [
      ['anna', 'drain'],
      ['carla', 'manual'],
    ] as const) {
      const said = await must(world, 'why', name, '--at', '1s');
      expect([said, said]).toEqual([
        expect.stringContaining(`(${type}`),
        expect.stringContaining('the same decision, with the same figures'),
      ]);
    }
    expect((await world.operator.fleet(['why', 'anna', '--at', '1d'])).code).toBe(2);
    expect(
      await must(world, 'simulate', '--lose', 'h3', '--add-accounts', '2', '--rebalance'),
    ).toMatch(/4 accounts get a host, 0 do not/);
  });

  test('a plan is saved and refused once the fleet has changed', async () => {
    const file = join(world.operator.directory, 'plan.json');
    await must(world, 'rebalance', '--threshold', '0', '--save', file);
    expect((await world.operator.fleet(['rebalance', '--save', file])).code).toBe(2);
    expect((await world.operator.fleet(['apply', file, '--dry-run'])).code).toBe(0);
    await must(world, 'move', 'carla', elsewhere(hostOf(world, 'carla')));
    const refused = await world.operator.fleet(['apply', file, '--yes']);
    expect([refused.code, refused.stderr]).toEqual([
      3,
      expect.stringContaining('the fleet has changed since the plan was made'),
    ]);
    await rm(file);
  });
});

test('a history that was rewritten with its whole chain is named by what each host has heard of it', async () => {
  const ofHistory = async () =>
    (await findFaults(world.operator)).filter((line) => /history/.test(line));
  // At each run hosts hear where the history stands then.
  await must(world, 'sweep');
  expect(await ofHistory()).toEqual([]);
  const reason = forgeHistory(world, 'because I say so');
  expect(await ofHistory()).toEqual(
    ['h1', 'h2', 'h3'].map((host) =>
      expect.stringMatching(
        `^${host}: it has heard of \\d+ entries of the ledger's history, which are not there`,
      ),
    ),
  );
  // The same words make the same chain.
  forgeHistory(world, reason);
  expect(await ofHistory()).toEqual([]);
});

/**
 * How long after the call was sent: right away, and while the host is at work on it. Spread over
 * the calls.
 */
const delaysMs = [0, 60, 150, 400];
const killAt = (call: number, variant: 'before' | 'after'): string =>
  variant === 'before' ? `${call}:before` : `${call}:after:${delaysMs[call % delaysMs.length]}`;

describe('kill -9 of the command', () => {
  test.for(['before', 'after'] as const)(
    '%s each of its calls: resume brings the account to one host, with one connection',
    { timeout: 900_000 },
    async (variant) => {
      const phases: string[] = [];
      for (let call = 1; ; call += 1) {
        const to = elsewhere(hostOf(world, 'anna'));
        const env = { NODE_OPTIONS: `--import ${preload}`, FLEET_KILL_AT: killAt(call, variant) };
        const { code, stderr } = await world.operator.fleet(['move', 'anna', to, '--yes'], { env });
        expect([0, 137], stderr).toContain(code);
        if (code === 0) break;
        phases.push(phaseOf(world, 'anna') ?? 'none');
        noteFaultPoint(
          `fleet move killed ${variant} its remote call ${call} (journal: ${phases.at(-1)})`,
        );
        await must(world, 'resume');
        await must(world, 'move', 'anna', to);
        expect(hostOf(world, 'anna')).toBe(to);
        await expectSettled();
        await expectExclusive(world, logins);
      }
      console.log(`killed ${variant} ${phases.length} calls, in the phases ${phases.join(', ')}`);
      // Killed after its last call a move is done: a single call is left that finds it granted, on
      // a host that is not too fast for the kill.
      const lastPhase = variant === 'before' ? ['granted'] : [];
      expect(phases).toEqual(
        expect.arrayContaining(['planned', 'staged', 'released', ...lastPhase]),
      );
    },
  );
});
