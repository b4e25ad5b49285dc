import { TelegramClient } from 'telegram';
import { _serverKeys } from 'telegram/crypto/RSA.js';
import { Logger, LogLevel } from 'telegram/extensions/Logger.js';
import { returnBigInt } from 'telegram/Helpers.js';
import { StringSession } from 'telegram/sessions/index.js';
import { Api } from 'telegram/tl/index.js';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { toNumber } from './auth/numbers.ts';
import { type DataCentre, startDataCentre, TELEGRAM_ADDRESSES } from './server.ts';

/**
 * The unmodified GramJS makes its keys and logs in: what the data centre answers is checked by a
 * client that shares no code with it.
 */

let dataCentre: DataCentre;
const clients: TelegramClient[] = [];
const credentials = { apiId: 12_345, apiHash: 'test' };
const phone = '49151000001';

beforeAll(async () => {
  dataCentre = await startDataCentre({ offersKeys: true, dcAddresses: TELEGRAM_ADDRESSES });
  const { exchangeKey } = dataCentre;
  if (exchangeKey === null) throw new Error('no key');
  _serverKeys.set(String(exchangeKey.fingerprint), {
    n: returnBigInt(String(toNumber(exchangeKey.modulus))),
    e: 65_537,
  });
  dataCentre.desk.addPhone({ phone, userId: 501, firstName: 'Ann', dcId: 4 });
  dataCentre.desk.addPhone({
    phone: '49151000002',
    userId: 502,
    password: 'pässword',
    hint: 'as ever',
  });
  dataCentre.desk.addPhone({ phone: '49151000003', userId: 503, isNumberBanned: true });
  dataCentre.desk.addBot({ token: '77:token', userId: 77, dcId: 1 });
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.destroy();
  expect(dataCentre.report().violations).toEqual([]);
});

afterAll(() => dataCentre.stop());

/** Connected at data centre 2, not logged in. */
async function newClient(): Promise<TelegramClient> {
  const [front] = dataCentre.socksAddresses;
  const session = new StringSession('');
  session.setDC(2, TELEGRAM_ADDRESSES['2'] ?? '', 80);
  const client = new TelegramClient(session, credentials.apiId, credentials.apiHash, {
    proxy: {
      ip: front?.host ?? '',
      port: front?.port ?? 0,
      socksType: 5,
      username: '10.0.0.1',
      password: 'any',
    },
    ...{
      baseLogger: new Logger(LogLevel.NONE),
      retryDelay: 50,
      floodSleepThreshold: 0,
      useWSS: false,
    },
  });
  client.onError = async () => {};
  clients.push(client);
  await client.connect();
  return client;
}

const codeFor = async (number: string): Promise<string> => dataCentre.desk.codeFor(number) ?? '';

test('a new key logs in by code, at the data centre of the number', async () => {
  const client = await newClient();
  const user = await client.signInUser(credentials, {
    phoneNumber: `+${phone}`,
    phoneCode: () => codeFor(phone),
    onError: async () => true,
  });
  expect(String(user.id)).toBe('501');
  expect(client.session.dcId).toBe(4);
  const [account] = dataCentre.report().accounts.filter(({ userId }) => userId === '501');
  expect(account).toMatchObject({ status: 'live', dcId: 4, maxLive: 1 });
  await client.invoke(new Api.auth.LogOut());
  await expect(
    client.invoke(new Api.users.GetUsers({ id: [new Api.InputUserSelf()] })),
  ).rejects.toMatchObject({
    errorMessage: 'AUTH_KEY_UNREGISTERED',
  });
});

test('a two-step password is asked for, and proven without being told', async () => {
  const client = await newClient();
  const errors: string[] = [];
  const passwords = ['wrong', 'pässword'];
  const user = await client.signInUser(credentials, {
    phoneNumber: '49151000002',
    phoneCode: () => codeFor('49151000002'),
    password: async (hint) => {
      expect(hint).toBe('as ever');
      return passwords.shift() ?? '';
    },
    onError: async (error) => {
      errors.push('errorMessage' in error ? String(error.errorMessage) : error.message);
      return false;
    },
  });
  expect(String(user.id)).toBe('502');
  expect(errors).toEqual(['PASSWORD_HASH_INVALID']);
});

test('a QR code is scanned by somebody of another data centre', async () => {
  const client = await newClient();
  const token = (): Promise<Api.auth.TypeLoginToken> =>
    client.invoke(new Api.auth.ExportLoginToken({ ...credentials, exceptIds: [] }));
  const shown = (await token()) as Api.auth.LoginToken;
  expect(shown).toBeInstanceOf(Api.auth.LoginToken);
  const url = `tg://login?token=${shown.token.toString('base64url')}`;
  dataCentre.setClockSkew(120_000);
  expect(() => dataCentre.scan(url, phone)).toThrow('expired');
  dataCentre.setClockSkew(0);
  dataCentre.scan(url, phone);
  const moved = (await token()) as Api.auth.LoginTokenMigrateTo;
  expect(moved).toMatchObject({ className: 'auth.LoginTokenMigrateTo', dcId: 4 });
  await client._switchDC(moved.dcId);
  const done = (await client.invoke(
    new Api.auth.ImportLoginToken({ token: moved.token }),
  )) as Api.auth.LoginTokenSuccess;
  expect(done.authorization).toMatchObject({ user: { firstName: 'Ann' } });
  expect(client.session.dcId).toBe(4);
});

test('a bot logs in with its token', async () => {
  const client = await newClient();
  const user = await client.signInBot(credentials, { botAuthToken: '77:token' });
  expect(user).toMatchObject({ bot: true });
});

test('mistakes are answered as Telegram answers them', async () => {
  const client = await newClient();
  const said = (request: Api.AnyRequest): Promise<string> =>
    client.invoke(request).then(
      () => 'ok',
      (error: { errorMessage: string; newDc?: number }) => error.errorMessage,
    );
  const send = (phoneNumber: string): Api.AnyRequest =>
    new Api.auth.SendCode({ phoneNumber, ...credentials, settings: new Api.CodeSettings({}) });
  expect(await said(send('1'))).toBe('PHONE_NUMBER_INVALID');
  expect(await said(send('49151000003'))).toBe('PHONE_NUMBER_BANNED');
  const sent = (await client.invoke(send('49151009999'))) as Api.auth.SentCode;
  const signIn = (number: string, phoneCodeHash: string, phoneCode: string): Api.AnyRequest =>
    new Api.auth.SignIn({ phoneNumber: number, phoneCodeHash, phoneCode });
  expect(await said(signIn('49151009999', sent.phoneCodeHash, await codeFor('49151009999')))).toBe(
    'PHONE_NUMBER_UNOCCUPIED',
  );
  const first = (await client.invoke(send('49151000002'))) as Api.auth.SentCode;
  expect(first.type).toBeInstanceOf(Api.auth.SentCodeTypeApp);
  const again = (await client.invoke(
    new Api.auth.ResendCode({ phoneNumber: '49151000002', phoneCodeHash: first.phoneCodeHash }),
  )) as Api.auth.SentCode;
  expect(again.type).toBeInstanceOf(Api.auth.SentCodeTypeSms);
  const code = await codeFor('49151000002');
  expect(await said(signIn('49151000002', first.phoneCodeHash, code))).toBe('PHONE_CODE_EXPIRED');
  expect(await said(signIn('49151000002', again.phoneCodeHash, `${code}1`))).toBe(
    'PHONE_CODE_INVALID',
  );
  dataCentre.desk.expireCode('49151000002');
  expect(await said(signIn('49151000002', again.phoneCodeHash, code))).toBe('PHONE_CODE_EXPIRED');
  expect(
    await said(
      new Api.auth.ImportBotAuthorization({ flags: 0, ...credentials, botAuthToken: '1:x' }),
    ),
  ).toBe('ACCESS_TOKEN_INVALID');
});
