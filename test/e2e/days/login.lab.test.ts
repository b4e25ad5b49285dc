/**
 * `fleet accounts login` on real hosts: an account whose session is dead comes back with a new one,
 * on a terminal as a person has it.
 */
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hostPaths } from '../../../hostside/protocol/paths.ts';
import { ctrlC, startOnTerminal } from '../../cli/screen/on-terminal.ts';
import type { LabDataCentre } from '../lab-data-centre.ts';
import { startLabDataCentre } from '../lab-data-centre.ts';
import type { Login } from '../operator.ts';
import {
  eventually,
  importNew,
  labOfThisFile,
  listAccounts,
  liveStates,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

const phone = '49151000001';
const botToken = '77:BOT-TOKEN-CANARY';
const password = 'two-step-CANARY';

let world: World;
let dc: LabDataCentre;
let ann: Login;
const shown: string[] = [];

beforeAll(async () => {
  const lab = await labOfThisFile();
  dc = await startLabDataCentre(lab, false, ['--offer-keys']);
  world = await makeWorld({ hosts: [2, 3], state: 'forgotten', dc });
  await prepareFleet(world);
  const pem = await dc.desk.publicKey();
  for (const host of world.hosts) {
    expect((await lab.ssh(host, `cat >${hostPaths.telegramKeys}`, { input: pem ?? '' })).code).toBe(
      0,
    );
  }
  [ann] = (await importNew(world, ['ann'])) as [Login];
  await must(world, 'allocate', '--all');
});
afterAll(async () => {
  await world.end();
  await dc.stop();
});

const terminal = (...args: string[]) => {
  const { directory, env } = world.operator;
  const { PATH = '' } = process.env;
  return startOnTerminal(world.operator.argv(args), {
    cwd: directory,
    env: { ...env, PATH, TERM: 'xterm' },
    columns: 80,
  });
};

/** Of the account's user: each key with its connections. */
const keysOf = async (userId: string) =>
  (await dc.report()).accounts.filter((each) => each.userId === userId);

test('a dead session: the old key is given up, the code is typed, the account is online with a new key on its own host', async () => {
  await dc.desk.addPhone({ phone, userId: ann.userId, dcId: 4, password, hint: 'as ever' });
  const [before] = await listAccounts(world);
  await dc.revoke(ann.dcKeyId);
  await eventually(120_000, async () =>
    expect(await liveStates(world)).toEqual({ ann: 'needs-login' }),
  );

  const cut = terminal('accounts', 'login', 'ann');
  await cut.shows('Log in?');
  cut.type('y\r');
  await cut.shows('Telephone number');
  cut.type(`+${phone}\r`);
  await cut.shows('Code that was sent');
  cut.type(ctrlC);
  expect(await cut.ends(120_000)).toBe(130);

  const again = terminal('accounts', 'login', 'ann');
  await again.shows('with the same key');
  again.type('y\r');
  await again.shows('Telephone number');
  again.type(`+${phone}\r`);
  await again.shows('Code that was sent');
  const code = (await dc.desk.codeFor(phone)) ?? '';
  again.type('00000\r');
  await again.shows('That is wrong');
  again.type(`${code}\r`);
  await again.shows('hint: as ever');
  again.type(`${password}\r`);
  expect({ code: await again.ends(180_000), shown: again.shown() }).toMatchObject({ code: 0 });
  shown.push(cut.shown(), again.shown());
  expect(again.shown()).toContain('ann is logged in');
  for (const text of shown)
    for (const secret of [code, password]) expect(text).not.toContain(secret);

  const [after] = await listAccounts(world);
  expect(after).toMatchObject({
    name: 'ann',
    state: 'online',
    host: before?.host,
    userId: ann.userId,
  });
  expect(after?.keyId).not.toBe(before?.keyId);
  const keys = await keysOf(ann.userId);
  const [old, fresh] = [
    keys.find(({ keyId }) => keyId === ann.dcKeyId),
    keys.find(({ keyId }) => keyId !== ann.dcKeyId),
  ];
  const address = world.lab.hosts.find(({ name }) => name === before?.host)?.address;
  expect(old).toMatchObject({ liveNow: 0, maxLive: 1 });
  expect(fresh).toMatchObject({ liveNow: 1, maxLive: 1, status: 'live', dcId: 4 });
  expect(new Set(fresh?.connections.map(({ peer }) => peer.ip))).toEqual(new Set([address]));
  // At no moment both keys were in use, and the device was the same from the first moment on.
  const lastOfOld = Math.max(
    ...(old?.connections.map(({ closedAt }) => closedAt ?? Number.POSITIVE_INFINITY) ?? []),
  );
  expect(
    Math.min(...(fresh?.connections.map(({ openedAt }) => openedAt) ?? [])),
  ).toBeGreaterThanOrEqual(lastOfOld);
  expect(new Set(fresh?.connections.map(({ init }) => init?.deviceModel)).size).toBe(1);
});

test('a new account, a bot, without a terminal; it is placed as any other', async () => {
  await dc.desk.addBot({ token: botToken, userId: 77, dcId: 1 });
  const { code, stdout, stderr } = await world.operator.fleet(
    ['accounts', 'login', 'helper', '--token', 'env:BOT_TOKEN', '--json', '--yes'],
    { env: { BOT_TOKEN: botToken } },
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toMatchObject({
    ok: true,
    account: 'helper',
    isNew: true,
    state: 'online',
  });
  expect((await listAccounts(world)).find(({ name }) => name === 'helper')).toMatchObject({
    state: 'online',
    userId: '77',
    format: 'login',
  });
  const refused = await world.operator.fleet(['accounts', 'login', 'helper', '--yes']);
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toContain('its session is good');
});

test('by QR code, which a terminal of 80 columns holds and a phone can read', async () => {
  await dc.desk.addPhone({ phone: '49151000005', userId: 505, dcId: 2 });
  const screen = terminal(
    'accounts',
    'login',
    'eve',
    '--by',
    'qr',
    '--host',
    world.lab.hosts[2]?.name ?? '',
  );
  await screen.shows('Log in?');
  screen.type('y\r');
  await screen.shows('Ctrl-C ends it');
  const widest = Math.max(
    ...screen
      .shown()
      .split('\n')
      .map((line) => stripVTControlCharacters(line).trimEnd().length),
  );
  expect(widest).toBeLessThanOrEqual(80);
  screen.type(ctrlC);
  expect(await screen.ends(120_000)).toBe(130);
  // Given up: nothing is left of it.
  await must(world, 'accounts', 'login', 'eve', '--cancel');
  expect((await listAccounts(world)).map(({ name }) => name)).toEqual(['ann', 'helper']);
});

test('nothing of it is on a host, in a log or in the ledger', async () => {
  const secrets = [password, botToken, '77:BOT'];
  for (const host of world.hosts) {
    const find = `journalctl --no-pager -q -o cat; ls -R /run/fleet-login; cat /etc/fleet/*.json`;
    const { stdout } = await world.lab.ssh(host, find, { timeoutMs: 60_000 });
    for (const secret of secrets) expect(stdout).not.toContain(secret);
    expect((await world.lab.ssh(host, 'ls /run/fleet-login')).stdout.trim()).toBe('');
  }
  for (const text of world.operator.transcript)
    for (const secret of secrets) expect(text).not.toContain(secret);
});
