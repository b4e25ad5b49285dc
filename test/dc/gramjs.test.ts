import { setTimeout as sleep } from 'node:timers/promises';
import { Api, type TelegramClient } from 'telegram';
import { returnBigInt } from 'telegram/Helpers.js';
import { Connection } from 'telegram/network/connection/Connection.js';
import {
  AbridgedPacketCodec,
  ConnectionTCPAbridged,
} from 'telegram/network/connection/TCPAbridged.js';
import { ConnectionTCPFull } from 'telegram/network/connection/TCPFull.js';
import { ConnectionTCPObfuscated } from 'telegram/network/connection/TCPObfuscated.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { gramClient } from './clients/gram-client.ts';
import {
  type DataCentre,
  type ListenAddress,
  type LoginCredentials,
  startDataCentre,
  TELEGRAM_ADDRESSES,
} from './server.ts';
import type { AccountReport } from './world/report.ts';

/** GramJS has no intermediate transport of its own; its `connection` option takes one. */
class IntermediateCodec extends AbridgedPacketCodec {
  static override obfuscateTag = Buffer.from('eeeeeeee', 'hex');

  constructor(connection: unknown) {
    super(connection);
    Object.assign(this, {
      tag: Buffer.from('eeeeeeee', 'hex'),
      obfuscateTag: IntermediateCodec.obfuscateTag,
    });
  }

  override encodePacket(data: Buffer): Buffer {
    const head = Buffer.alloc(4);
    head.writeUInt32LE(data.length);
    return Buffer.concat([head, data]);
  }

  override async readPacket(reader: {
    readExactly(count: number): Promise<Buffer>;
  }): Promise<Buffer> {
    return reader.readExactly((await reader.readExactly(4)).readUInt32LE());
  }
}

class ConnectionIntermediate extends Connection {
  override PacketCodecClass = IntermediateCodec as unknown as typeof AbridgedPacketCodec;
}

let dataCentre: DataCentre;
let login: LoginCredentials;
const clients: TelegramClient[] = [];

beforeEach(async () => {
  dataCentre = await startDataCentre({ dcAddresses: TELEGRAM_ADDRESSES });
  login = dataCentre.addAccount({ userId: 777_000_123n, firstName: 'Ann' });
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.destroy();
  await dataCentre.stop();
});

function newClient(
  options: { ip?: string; connection?: typeof Connection; deviceModel?: string } = {},
): TelegramClient {
  const client = gramClient({
    front: dataCentre.socksAddresses[0] as ListenAddress,
    login,
    ...options,
  });
  clients.push(client);
  return client;
}

async function online(options: Parameters<typeof newClient>[0] = {}): Promise<TelegramClient> {
  const client = newClient(options);
  await client.connect();
  await client.getMe();
  return client;
}

function account(): AccountReport {
  return dataCentre.report().accounts[0] as AccountReport;
}

async function eventually(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 5000; !condition(); await sleep(10)) {
    if (Date.now() > deadline) throw new Error(`never happened: ${condition}`);
  }
}

async function errorOf(
  promise: Promise<unknown>,
): Promise<{ code: number; errorMessage: string; seconds?: number }> {
  return promise.then(
    () => Promise.reject(new Error('no error')),
    (error) => error,
  );
}

describe('the unmodified client logs in', () => {
  test.each([
    ['full', ConnectionTCPFull],
    ['abridged', ConnectionTCPAbridged],
    ['obfuscated-abridged', ConnectionTCPObfuscated],
    ['intermediate', ConnectionIntermediate],
  ] as [string, typeof Connection][])('over %s', async (transport, connection) => {
    const client = await online({ connection, deviceModel: 'Pixel', ip: '10.9.8.7' });
    const me = (await client.getMe()) as Api.User;
    expect([me.firstName, String(me.id), me.self]).toEqual(['Ann', '777000123', true]);
    expect((await client.invoke(new Api.help.GetConfig())).dcOptions.length).toBe(10);
    const report = dataCentre.report();
    expect(report.violations).toEqual([]);
    expect(account().connections).toMatchObject([
      {
        peer: { ip: '10.9.8.7' },
        asked: '149.154.167.51:80',
        transport,
        firstRequest: { method: 'help.getConfig' },
        init: { apiId: 12_345, deviceModel: 'Pixel', layer: 198 },
        closedAt: null,
      },
    ]);
  });

  test('and asks for its state, which has no difference', async () => {
    const client = await online();
    const state = await client.invoke(new Api.updates.GetState());
    expect(state).toMatchObject({ pts: 1, unreadCount: 0 });
    const difference = await client.invoke(
      new Api.updates.GetDifference({ pts: 1, date: state.date, qts: 0 }),
    );
    expect(difference).toBeInstanceOf(Api.updates.DifferenceEmpty);
    expect(await client.checkAuthorization()).toBe(true);
  });

  test('and sees other accounts only with the right access hash', async () => {
    const bob = dataCentre.addAccount({ userId: 5, firstName: 'Bob', isBot: true });
    const client = await online();
    const { accessHash } = dataCentre.world.accounts.get(bob.userId) as { accessHash: bigint };
    const ask = (hash: bigint) =>
      client.invoke(
        new Api.users.GetUsers({
          id: [new Api.InputUser({ userId: returnBigInt(5n), accessHash: returnBigInt(hash) })],
        }),
      );
    expect(await ask(accessHash)).toMatchObject([{ firstName: 'Bob', bot: true }]);
    expect(await errorOf(ask(accessHash + 1n))).toMatchObject({ errorMessage: 'USER_ID_INVALID' });
  });

  test('with many requests at once, in containers', async () => {
    const client = await online();
    const answers = await Promise.all(Array.from({ length: 50 }, () => client.getMe()));
    expect(answers.every((me) => (me as Api.User).firstName === 'Ann')).toBe(true);
    expect(dataCentre.report().violations).toEqual([]);
  });

  test('and carries on after the salts were changed', async () => {
    const client = await online();
    dataCentre.rotateSalts();
    expect(((await client.getMe()) as Api.User).firstName).toBe('Ann');
  });
});

describe('what can go wrong', () => {
  test.each([
    ['revoked', 401, 'SESSION_REVOKED'],
    ['unregistered', 401, 'AUTH_KEY_UNREGISTERED'],
    ['expired', 401, 'SESSION_EXPIRED'],
  ] as const)('a key that is %s: %i %s', async (kind, code, message) => {
    const client = await online();
    dataCentre.revoke(login.authKey, kind);
    expect(await errorOf(client.getMe())).toMatchObject({ code, errorMessage: message });
    expect(account().status).toBe(kind);
  });

  test('an unregistered key still gets the configuration, so connect() succeeds', async () => {
    dataCentre.revoke(login.keyId, 'unregistered');
    const client = newClient();
    expect(await client.connect()).toBe(true);
    expect(await errorOf(client.getMe())).toMatchObject({
      code: 401,
      errorMessage: 'AUTH_KEY_UNREGISTERED',
    });
  });

  test.each([
    ['deactivated', 'USER_DEACTIVATED'],
    ['banned', 'USER_DEACTIVATED_BAN'],
  ] as const)('an account that is %s: 401 %s', async (status, message) => {
    const client = await online();
    dataCentre.deactivate(login.userId, status);
    expect(await errorOf(client.getMe())).toMatchObject({ code: 401, errorMessage: message });
  });

  test('a flood wait for one method, once', async () => {
    const client = await online();
    dataCentre.fault({
      method: 'users.getUsers',
      effect: { kind: 'error', code: 420, message: 'FLOOD_WAIT_17' },
    });
    await client.invoke(new Api.updates.GetState());
    expect(await errorOf(client.getMe())).toMatchObject({ seconds: 17 });
    expect(await client.getMe()).toBeDefined();
  });

  test('a fault for another account, or cleared, does nothing', async () => {
    const client = await online();
    dataCentre.fault({
      method: '*',
      userId: '1',
      times: null,
      effect: { kind: 'error', code: 500, message: 'INTERNAL' },
    });
    await client.getMe();
    dataCentre.fault({
      method: '*',
      times: null,
      effect: { kind: 'error', code: 500, message: 'INTERNAL' },
    });
    dataCentre.clearFaults();
    await client.getMe();
  });

  test('answers that are late or never come', async () => {
    const client = await online();
    dataCentre.fault({ method: 'users.getUsers', effect: { kind: 'delay', ms: 150 } });
    const startedAt = performance.now();
    await client.getMe();
    expect(performance.now() - startedAt).toBeGreaterThan(140);
    dataCentre.fault({ method: 'users.getUsers', effect: { kind: 'silence' } });
    const silent = client.getMe().then(() => 'answered');
    expect(await Promise.race([silent, sleep(200).then(() => 'silence')])).toBe('silence');
  });

  test('an unknown key gets -404 and is noted', async () => {
    dataCentre.forgetKey(login.authKey);
    const client = newClient();
    const connected = client.connect().then(
      () => 'connected',
      () => 'failed',
    );
    await eventually(() => dataCentre.report().refusals.length > 0);
    expect(dataCentre.report().refusals[0]).toMatchObject({
      kind: 'unknown-key',
      keyId: login.keyId,
      peer: { ip: '10.0.0.1' },
    });
    expect(await Promise.race([connected, sleep(200).then(() => 'hangs')])).not.toBe('connected');
  });

  test('a key at the address of another data centre gets -404 too', async () => {
    const other = dataCentre.addAccount({ userId: 9, dcId: 4 });
    const client = gramClient({
      front: dataCentre.socksAddresses[0] as ListenAddress,
      login: { ...other, dcId: 1 },
    });
    clients.push(client);
    client.connect().catch(() => {});
    await eventually(() => dataCentre.report().refusals.length > 0);
    expect(dataCentre.report().refusals[0]).toMatchObject({
      kind: 'wrong-dc',
      asked: '149.154.175.53:80',
    });
  });

  test('a method that is not there is an error and a violation', async () => {
    const client = await online();
    expect(await errorOf(client.invoke(new Api.account.GetAccountTTL()))).toMatchObject({
      errorMessage: 'NOT_IMPLEMENTED',
    });
    expect(dataCentre.report().violations).toMatchObject([
      { kind: 'not-implemented', detail: 'account.getAccountTTL' },
    ]);
  });
});

describe('connections that end', () => {
  test('by force: the client comes back and that is no duplicate', async () => {
    const client = await online();
    for (let round = 1; round <= 3; round += 1) {
      expect(dataCentre.disconnectAll(login.userId)).toBe(1);
      await eventually(() => account().liveNow === 1 && account().connections.length === round + 1);
      expect(((await client.getMe()) as Api.User).firstName).toBe('Ann');
    }
    expect(dataCentre.report()).toMatchObject({ kills: [], violations: [] });
    expect(account()).toMatchObject({ maxLive: 1, overlaps: [], status: 'live' });
    expect(account().connections.map((connection) => connection.closedBy)).toEqual([
      ...Array(3).fill('disconnect-all'),
      null,
    ]);
  });

  test('by a fault in place of an answer: the request is sent again', async () => {
    const client = await online();
    dataCentre.fault({ method: 'users.getUsers', effect: { kind: 'close' } });
    expect(((await client.getMe()) as Api.User).firstName).toBe('Ann');
    expect(account()).toMatchObject({ maxLive: 1, status: 'live' });
    expect(account().connections[0]?.closedBy).toBe('fault');
  });

  test('by an outage, and it lasts', async () => {
    const client = await online();
    await dataCentre.suspend();
    await sleep(200);
    expect(account().liveNow).toBe(0);
    await dataCentre.resume();
    await eventually(() => account().liveNow === 1);
    expect(((await client.getMe()) as Api.User).firstName).toBe('Ann');
    expect(account()).toMatchObject({ maxLive: 1, status: 'live' });
  });

  test('by the client: seen at once', async () => {
    const client = await online();
    await client.destroy();
    await eventually(() => account().liveNow === 0);
    expect(account().connections[0]).toMatchObject({ closedBy: 'peer' });
  });
});
