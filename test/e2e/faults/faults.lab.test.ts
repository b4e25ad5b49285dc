/** What goes wrong on hosts and at Telegram: named, contained, and over as soon as its cause is. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gramJsTelegram } from '../../../hostside/worker/telegram/gramjs-client.ts';
import { noteFaultPoint } from '../fault-points.ts';
import { fillForGood, unfillForGood } from '../full-disk.ts';
import type { Login } from '../operator.ts';
import {
  eventually,
  expectExclusive,
  expireContact,
  importNew,
  listAccounts,
  liveStates,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

const accounts = `accounts:
  full: { pinned_to: h3 }
  kept: { pinned_to: h2 }
  twice: { pinned_to: h2 }
  out: { pinned_to: h3 }
`;

let world: World;
/** Accounts that no fault has ended. */
const healthy: Login[] = [];
beforeAll(async () => {
  world = await makeWorld({ hosts: [1, 2, 3, 4], state: 'forgotten', accounts });
  await prepareFleet(world);
});
afterAll(() => world?.end());

const account = async (name: string) =>
  (await listAccounts(world)).find((each) => each.name === name);
const allocateAll = () => world.operator.fleet(['allocate', '--all', '--yes']);
const allOnline = async (): Promise<void> => {
  const states = await liveStates(world);
  expect(healthy.map((login) => [login.account, states[login.account]])).toEqual(
    healthy.map((login) => [login.account, 'online']),
  );
  await expectExclusive(world, healthy);
};

describe('hosts', () => {
  test('one that is silent stops every grant: it might run the account; when it answers again all go on', async () => {
    const logins = await importNew(world, ['anna', 'ben', 'carla', 'dimitri']);
    await world.lab.kill(4);
    const { code, stderr } = await allocateAll();
    expect(code).toBe(3);
    expect(stderr).toMatch(/h4/);
    expect((await listAccounts(world)).map(({ state }) => state)).toEqual([
      'stored',
      'stored',
      'stored',
      'stored',
    ]);
    expect((await world.dc.report()).connectionsOpened).toBe(0);
    noteFaultPoint('a host without power during a first placement');
    await world.lab.start(4);
    await must(world, 'allocate', '--all');
    healthy.push(...logins);
    await allOnline();
  });

  test('a full disk is named and stops no other host; with room again all go on', async () => {
    const logins = await importNew(world, ['full', 'kept']);
    await fillForGood(world.lab, 3);
    const { code, stderr } = await allocateAll();
    await unfillForGood(world.lab, 3);
    expect(code).toBe(3);
    expect(stderr).toMatch(/h3.*space/);
    noteFaultPoint('a full disk on the chosen host of a first placement');
    expect(await account('kept')).toMatchObject({ state: 'online', host: 'h2' });
    await must(world, 'allocate', '--all');
    expect(await account('full')).toMatchObject({ state: 'online', host: 'h3' });
    healthy.push(...logins);
    await allOnline();
  });

  test('an account that takes too much of its host is ended: every screen says why and what brings it back, and no sweep starts it', async () => {
    const place = `/var/lib/private/fleet-accounts/${(await account('full'))?.keyId}`;
    const onHost = (command: string) => world.lab.ssh(3, command, { timeoutMs: 60_000 });
    try {
      await onHost(`cd ${place} && seq 21000 | sed 's/^/much/' | xargs touch`);
      await eventually(120_000, async () =>
        expect(await liveStates(world)).toMatchObject({ full: 'contained' }),
      );
      const reason = 'it has more than 20000 files (limits.files_max)';
      const remedy = expect.stringContaining('fleet accounts start full');
      for (const screen of [['status'], ['accounts', 'list'], ['top']]) {
        const { accounts: shown } = await world.operator.json<{ accounts: { name: string }[] }>(
          screen,
        );
        const full = shown.find(({ name }) => name === 'full');
        expect([screen, full]).toMatchObject([screen, { state: 'contained', reason }]);
      }
      expect(await world.operator.json(['why-silent', 'full'])).toMatchObject({
        ...{ state: 'contained', reason, remedy },
      });
      const { findings } = await world.operator.json<{ findings: unknown[] }>(['doctor']);
      const finding = { where: 'h3', text: `it has ended full: ${reason}`, remedy };
      expect(findings).toContainEqual(expect.objectContaining(finding));
      for (const screen of [['status'], ['accounts', 'show', 'full']])
        expect((await world.operator.fleet(screen)).stdout).toMatch(
          /contained[\s\S]*fleet accounts start full/,
        );
      expect((await world.operator.fleet(['metrics'])).stdout).toMatch(
        /^fleet_account_state\{.*account="full".*state="contained".*\} 1$/m,
      );
      await world.operator.fleet(['sweep', '--yes']);
      expect(await liveStates(world)).toMatchObject({ full: 'contained' });
      noteFaultPoint('an account that its host has ended');
    } finally {
      await onHost(`find ${place} -name 'much*' -delete`);
      await must(world, 'accounts', 'start', 'full');
    }
    await allOnline();
  });

  test('sudo that asks for a password is named, and the other hosts go on', async () => {
    const rule = '/etc/sudoers.d/zz-asks';
    await world.lab.ssh(2, `echo 'ubuntu ALL=(ALL:ALL) PASSWD: ALL' > ${rule}; chmod 440 ${rule}`);
    const { code, stdout, stderr } = await world.operator.fleet(['init', '--check']);
    await world.lab.ssh(2, `rm ${rule}`);
    expect(code).toBe(3);
    expect(stderr).toMatch(/h2.*(?:sudo|password)/);
    expect(stdout).toMatch(/h1\s+ready[\s\S]*h3\s+ready/);
  });

  test('another host key is an alarm that trusting again does not silence', async () => {
    const file = join(world.operator.directory, 'known_hosts');
    const known = await readFile(file, 'utf8');
    const [, second = '', third = ''] = known.trim().split('\n').sort();
    await writeFile(
      file,
      known.replace(second, [second.split(' ')[0], ...third.split(' ').slice(1)].join(' ')),
    );
    const looked = await world.operator.fleet(['status', '--live']);
    const trusted = await world.operator.fleet(['hosts', 'trust', '--yes']);
    await writeFile(file, known);
    expect([looked.code, trusted.code]).toEqual([3, 3]);
    expect(looked.stderr).toMatch(/h2: THE HOST KEY OF .* HAS CHANGED/);
    expect(trusted.stderr).toContain('presents another key');
    noteFaultPoint('another host key');
    await allOnline();
  });

  test('after a reboot accounts come back by themselves', async () => {
    await world.lab.reboot(1);
    await eventually(60_000, allOnline);
    noteFaultPoint('reboot of a host shortly after the last contact');
  });

  test('after a long absence a host holds its accounts, and allocate gives them back at a higher epoch', async () => {
    const { host: name = '' } = (await account('anna')) ?? {};
    const index = Number(name?.slice(1));
    const here = (await listAccounts(world)).filter(({ host }) => host === name);
    await expireContact(world, index);
    await world.lab.reboot(index);
    await eventually(60_000, async () => {
      const states = await liveStates(world);
      expect(here.map((each) => states[each.name])).toEqual(here.map(() => 'held'));
    });
    await must(world, 'allocate', '--all');
    for (const each of here)
      expect(await account(each.name)).toMatchObject({
        state: 'online',
        host: name,
        epoch: (each.epoch ?? 0) + 1,
      });
    await allOnline();
    await must(world, 'init', '--limit', name ?? '');
  });
});

describe('Telegram', () => {
  test('a flood wait is waited for where the account is', async () => {
    const [login] = await importNew(world, ['elif']);
    if (login === undefined) throw new Error('nothing was imported');
    await world.dc.fault({
      method: 'users.getUsers',
      userId: login.userId,
      effect: { kind: 'error', code: 420, message: 'FLOOD_WAIT_6' },
    });
    const { code } = await allocateAll();
    expect([0, 3]).toContain(code);
    expect(['flood-wait', 'online']).toContain((await account('elif'))?.state);
    healthy.push(login);
    await eventually(40_000, allOnline);
    expect(await account('elif')).toMatchObject({ epoch: 1 });
  });

  test('an outage is sat out', async () => {
    await world.dc.suspend();
    await eventually(60_000, async () =>
      expect(Object.values(await liveStates(world))).not.toContain('online'),
    );
    await world.dc.resume();
    await eventually(120_000, allOnline);
    noteFaultPoint('an outage of Telegram');
  });

  test('a revoked session needs a login; the others do not notice', async () => {
    const [login] = await importNew(world, ['out']);
    await must(world, 'allocate', '--all');
    await world.dc.revoke(login?.dcKeyId ?? '');
    await world.dc.disconnectAll(login?.userId);
    await eventually(60_000, async () =>
      expect(await liveStates(world)).toMatchObject({ out: 'needs-login' }),
    );
    await allOnline();
  });

  test('every class of error shows as its state within 5 s, with what to do about it', async () => {
    const classes = [
      ['revoked', 401, 'SESSION_REVOKED', 'needs-login', 'log in again'],
      ['unknown', 401, 'AUTH_KEY_UNREGISTERED', 'needs-login', 'log in again'],
      ['stolen', 406, 'AUTH_KEY_DUPLICATED', 'duplicated', 'find the other program'],
      ['gone', 403, 'USER_DEACTIVATED_BAN', 'banned', 'fleet accounts remove'],
      ['strange', 400, 'API_ID_INVALID', 'misconfigured', 'correct telegram: in the inventory'],
      ['waits', 420, 'FLOOD_WAIT_60', 'flood-wait', 'the pause that Telegram asked for is obeyed'],
      ['retries', 500, 'INTERNAL', 'reconnecting', ''],
    ] as const;
    const logins = await importNew(
      world,
      classes.map(([name]) => name),
    );
    await must(world, 'allocate', ...classes.map(([name]) => name));
    for (const [index, [, code, message]] of classes.entries()) {
      const { userId = '' } = logins[index] ?? {};
      await world.dc.fault({
        method: 'users.getUsers',
        userId,
        times: 1000,
        effect: { kind: 'error', code, message },
      });
    }
    await Promise.all(logins.map(({ userId }) => world.dc.disconnectAll(userId)));
    const failedAt = performance.now();
    const seenAfterMs = new Map<string, number>();
    await eventually(60_000, async () => {
      const askedAt = performance.now();
      const states = await liveStates(world);
      for (const [name, , , state] of classes)
        if (states[name] === state && !seenAfterMs.has(name))
          seenAfterMs.set(name, askedAt - failedAt);
      expect([...seenAfterMs.keys()].sort()).toEqual(classes.map(([name]) => name).sort());
    });
    console.log(
      [...seenAfterMs]
        .map(
          ([name, ms]) =>
            `${name}: asked ${(ms / 1000).toFixed(1)} s after the fault, status shows it`,
        )
        .join('\n'),
    );
    // 5 s on a machine of its own; here other labs are at work. A login that is not registered is
    // believed when it is said again.
    for (const [name, ms] of seenAfterMs)
      expect({ name, ms, isSeen: ms < (name === 'unknown' ? 30_000 : 10_000) }).toMatchObject({
        isSeen: true,
      });
    const { stdout } = await world.operator.fleet(['status']);
    // One that retries gives up as offline a moment later: it may have done so by now.
    for (const [, , , state, remedy] of classes)
      if (remedy !== '') expect(stdout).toMatch(new RegExp(`${state}.*${remedy}`));
    await world.dc.clearFaults();
  });

  test('a session that is used twice is quarantined and never started again', async () => {
    const [login] = await importNew(world, ['twice']);
    if (login === undefined) throw new Error('nothing was imported');
    await must(world, 'allocate', '--all');
    const other = gramJsTelegram({
      dcId: 1,
      address: '149.154.175.53',
      authKey: login.authKey,
      apiId: 4711,
      apiHash: 'x',
      deviceModel: 'thief',
      systemVersion: '1',
      appVersion: '1',
      langCode: 'en',
    });
    const link = await other.connect(new AbortController().signal).catch(() => null);
    await link?.check().catch(() => undefined);
    await link?.close();
    await world.dc.disconnectAll(login.userId);
    await eventually(90_000, async () =>
      expect(await liveStates(world)).toMatchObject({ twice: 'duplicated' }),
    );
    noteFaultPoint('somebody else uses the session');
    const connections = async () =>
      (await world.dc.report()).accounts.find(({ keyId }) => keyId === login.dcKeyId)?.connections
        .length;
    const before = await connections();
    await allocateAll();
    await sleep(8000);
    expect(await connections()).toBe(before);
    expect(await liveStates(world)).toMatchObject({ twice: 'duplicated' });
  });
});
