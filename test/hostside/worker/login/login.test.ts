import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { LoginWord } from '../../../../hostside/protocol/login.ts';
import { buildHostFiles } from '../../../../src/release/build-host-files.ts';
import { type DataCentre, startDataCentre } from '../../../dc/server.ts';
import { authKeyId } from '../../../dc/wire/crypto.ts';
import { type Answering, requestOf, talk } from './login-process.ts';

let lib: string;
let bundle: string;
let dataCentre: DataCentre;

beforeAll(async () => {
  lib = mkdtempSync(join(tmpdir(), 'fleet-login-'));
  await buildHostFiles(resolve('.'), lib);
  bundle = join(lib, 'login.cjs');
});
afterAll(() => rmSync(lib, { recursive: true }));

beforeEach(async () => {
  dataCentre = await startDataCentre({ offersKeys: true });
  const { desk } = dataCentre;
  desk.addPhone({ phone: '49151000001', userId: 501, dcId: 4 });
  desk.addPhone({ phone: '49151000002', userId: 502, password: 'pässword', hint: 'as ever' });
  desk.addPhone({ phone: '49151000003', userId: 503, isNumberBanned: true });
  desk.addBot({ token: '77:token', userId: 77, dcId: 1 });
});

afterEach(async () => {
  const { violations, accounts, kills } = dataCentre.report();
  expect(violations).toEqual([]);
  expect(kills).toEqual([]);
  expect(accounts.every(({ maxLive, liveNow }) => maxLive <= 1 && liveNow === 0)).toBe(true);
  await dataCentre.stop();
});

const kept = { kept: true } as const;
/** Answers of somebody who makes no mistake. */
const owner =
  (phone: string, more: Partial<Record<string, Answering>> = {}): Answering =>
  async (word) => {
    const kind = 'ask' in word ? word.ask : 'show';
    const own = more[kind];
    if (own !== undefined) return own(word);
    if (kind === 'keep') return kept;
    if (kind === 'phone') return { text: `+${phone}` };
    return { text: kind === 'code' ? (dataCentre.desk.codeFor(phone) ?? '') : 'pässword' };
  };
const start = (answering: Answering, more: Parameters<typeof requestOf>[0] = {}) =>
  talk(bundle, dataCentre, requestOf(more), answering);
const said = (words: readonly LoginWord[]): string[] =>
  words.map((word) =>
    'ask' in word
      ? `${word.ask}${'problem' in word && word.problem !== null ? ` ${word.problem}` : ''}`
      : 'show' in word
        ? word.show
        : word.end,
  );

test('by code, at the data centre of the number: each key is kept before it is used', async () => {
  const { words, end, kept: keys, seen } = await start(owner('49151000001'));
  expect(said(words)).toEqual(['keep', 'phone', 'keep', 'code', 'done']);
  expect(words[3]).toMatchObject({ by: 'app', length: 5, nextInS: 60 });
  expect(end).toMatchObject({
    end: 'done',
    userId: '501',
    isBot: false,
    lingerMs: 0,
    key: keys[1],
  });
  expect(keys.map(({ dataCentre: id }) => id)).toEqual([2, 4]);
  const [account] = dataCentre.report().accounts.filter(({ userId }) => userId === '501');
  expect(account).toMatchObject({
    status: 'live',
    dcId: 4,
    keyId: authKeyId(Buffer.from(keys[1]?.authKey ?? '', 'base64')),
  });
  expect(account?.connections[0]?.init).toMatchObject({
    apiId: 4711,
    deviceModel: 'Pinned Device',
    systemVersion: 'Pinned System',
  });
  expect(seen).toBe('');
});

test('nothing is asked with a key that was not kept', async () => {
  const { words } = await start(owner('49151000001', { keep: () => undefined }));
  expect(said(words)).toEqual(['keep']);
  expect(dataCentre.report().accounts.every(({ connections }) => connections.length === 0)).toBe(
    true,
  );
});

test('wrong and expired codes are asked again, another way is possible, and the third mistake ends it', async () => {
  const codes: (() => { text: string } | { resend: true })[] = [
    () => ({ text: '1' }),
    () => ({ resend: true }),
    () => {
      dataCentre.desk.expireCode('49151000001');
      return { text: dataCentre.desk.codeFor('49151000001') ?? '' };
    },
    () => ({ text: dataCentre.desk.codeFor('49151000001') ?? '' }),
  ];
  const mistaken = await start(owner('49151000001', { code: () => codes.shift()?.() }));
  expect(said(mistaken.words)).toEqual([
    'keep',
    'phone',
    'keep',
    'code',
    'code wrong',
    'code',
    'code expired',
    'done',
  ]);
  expect(mistaken.words[5]).toMatchObject({ by: 'sms', nextInS: null });
  const hopeless = await start(owner('49151000001', { code: () => ({ text: '1' }) }));
  expect(hopeless.end).toMatchObject({ end: 'failed', why: 'proof', lingerMs: 0 });
  expect(dataCentre.desk.codeFor('49151000001')).toBeNull();
});

test('a two-step password is asked with its hint, and again when it was wrong', async () => {
  const passwords = ['wrong', 'pässword'];
  const { words, end } = await start(
    owner('49151000002', { password: () => ({ text: passwords.shift() ?? '' }) }),
  );
  expect(said(words)).toEqual(['keep', 'phone', 'code', 'password', 'password wrong', 'done']);
  expect(words[3]).toMatchObject({ hint: 'as ever' });
  expect(end).toMatchObject({ end: 'done', userId: '502' });
});

test('by QR code: replaced before it expires, scanned by a phone of another data centre, with a password', async () => {
  dataCentre.desk.tokenLifeS = 5;
  let shown = 0;
  const { words, end } = await start(
    owner('', {
      show: (word) => {
        shown += 1;
        if (shown === 2 && 'show' in word)
          setTimeout(() => dataCentre.scan(word.url, '49151000001'), 50);
        return undefined;
      },
    }),
    { act: 'qr' },
  );
  expect(said(words)).toEqual(['keep', 'qr', 'qr', 'keep', 'done']);
  expect(end).toMatchObject({ end: 'done', userId: '501', key: { dataCentre: 4 } });
});

test('a QR code that was scanned too late is replaced, and what leads nowhere ends', async () => {
  const scan: Answering = (word) => {
    if ('show' in word) dataCentre.scan(word.url, '49151000001');
    return undefined;
  };
  const late = { kind: 'error', code: 400, message: 'AUTH_TOKEN_EXPIRED' } as const;
  dataCentre.fault({ method: 'auth.importLoginToken', effect: late });
  const { words, end } = await start(owner('', { show: scan }), { act: 'qr' });
  expect(end).toMatchObject({ end: 'done', userId: '501' });
  expect(said(words).filter((word) => word === 'qr')).toHaveLength(2);
  dataCentre.fault({ method: 'auth.exportLoginToken', times: null, effect: late });
  expect((await start(owner('', { show: scan }), { act: 'qr' })).end).toMatchObject({
    end: 'failed',
    why: 'refused',
  });
});

test.each([400, -400])(
  'a clock that is wrong by %i s: a QR code is shown for as long as Telegram takes it',
  async (skewS) => {
    dataCentre.desk.tokenLifeS = 60;
    dataCentre.setClockSkew(skewS * 1_000);
    const scan: Answering = (word) => {
      if ('show' in word) dataCentre.scan(word.url, '49151000001');
      return undefined;
    };
    const { words, end } = await start(owner('', { show: scan }), { act: 'qr' });
    expect(end).toMatchObject({ end: 'done', userId: '501' });
    const shown = words.flatMap((word) => ('show' in word ? word.forS : []));
    // 57 s where nothing takes long; 1 s and 60 s by the wrong clock.
    expect([shown.length, (shown[0] ?? 0) > 20, (shown[0] ?? 0) < 60]).toEqual([1, true, true]);
  },
);

test('an operator who goes away under a QR code ends it at once', async () => {
  dataCentre.desk.tokenLifeS = 600;
  const startedMs = performance.now();
  const { end } = await start(owner('', { show: () => 'gone' }), { act: 'qr' });
  expect(end).toMatchObject({ end: 'failed', why: 'silent', lingerMs: 0 });
  // It would show the code for a minute.
  expect(performance.now() - startedMs).toBeLessThan(50_000);
});

test('by bot token', async () => {
  const tokens = ['1:wrong', '77:token'];
  const { words, end } = await start(owner('', { token: () => ({ text: tokens.shift() ?? '' }) }), {
    act: 'bot',
  });
  expect(said(words)).toEqual(['keep', 'token', 'token wrong', 'keep', 'done']);
  expect(end).toMatchObject({ end: 'done', userId: '77', isBot: true, key: { dataCentre: 1 } });
});

test('what Telegram refuses is told by its kind', async () => {
  expect((await start(owner('49151000003'))).end).toMatchObject({ end: 'failed', why: 'banned' });
  expect((await start(owner('49151009999'))).end).toMatchObject({
    end: 'failed',
    why: 'unoccupied',
  });
  dataCentre.fault({
    method: 'auth.sendCode',
    effect: { kind: 'error', code: 420, message: 'FLOOD_WAIT_4711' },
  });
  expect((await start(owner('49151000001'))).end).toMatchObject({
    end: 'failed',
    why: 'flood-wait',
    seconds: 4711,
  });
  dataCentre.fault({ method: 'auth.signIn', effect: { kind: 'close' } });
  expect((await start(owner('49151000001'))).end).toMatchObject({ end: 'failed', why: 'network' });
  await dataCentre.suspend();
  expect((await start(owner('49151000001'))).end).toMatchObject({
    end: 'failed',
    why: 'network',
    lingerMs: 0,
  });
});

test('a login that was cut off after its success is taken up with the kept key, without a code', async () => {
  const { kept: keys } = await start(owner('49151000001'));
  const key = keys[1] ?? null;
  const again = await start(owner('', { code: () => undefined }), { key });
  expect(said(again.words)).toEqual(['done']);
  expect(again.end).toMatchObject({ end: 'done', userId: '501', key });
});

test('a login that was cut off before its success goes on with the kept key', async () => {
  const cut = await start(owner('49151000001', { code: () => undefined }));
  const key = cut.kept[1] ?? null;
  const again = await start(owner('49151000001'), { key });
  expect(said(again.words)).toEqual(['phone', 'code', 'done']);
  expect(again.end).toMatchObject({ end: 'done', key });
});

test('a kept key that Telegram has forgotten is replaced', async () => {
  const cut = await start(owner('49151000001', { code: () => undefined }));
  dataCentre.forgetKey(Buffer.from(cut.kept[1]?.authKey ?? '', 'base64'));
  const again = await start(owner('49151000001'), { key: cut.kept[1] ?? null, dataCentre: 4 });
  expect(said(again.words)).toEqual(['keep', 'phone', 'code', 'done']);
});

test('cancelled: what was logged in is logged out', async () => {
  const { kept: keys } = await start(owner('49151000001'));
  const out = await start(owner(''), { key: keys[1] ?? null, act: 'cancel' });
  expect(out.end).toEqual({ end: 'out', lingerMs: 0 });
  expect(
    dataCentre
      .report()
      .accounts.filter(({ userId, status }) => userId === '501' && status === 'live'),
  ).toEqual([]);
});

test('somebody else than the account is logged out again', async () => {
  const { end } = await start(owner('49151000001'), { expectedUserId: '502' });
  expect(end).toMatchObject({ end: 'failed', why: 'other-user' });
  expect(dataCentre.report().accounts.filter(({ status }) => status === 'live')).toEqual([]);
});
