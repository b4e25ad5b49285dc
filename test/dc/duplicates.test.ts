import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import type { TelegramClient } from 'telegram';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { gramClient } from './clients/gram-client.ts';
import { introduced, RawClient } from './clients/raw-client.ts';
import {
  type DataCentre,
  type ListenAddress,
  type LoginCredentials,
  startDataCentre,
} from './server.ts';
import {
  type ConnectionRecord,
  judgePacket,
  judgeRequest,
  newKeyUse,
  noteAuthorized,
  noteClosed,
  notePacket,
} from './world/key-use.ts';
import type { AccountReport } from './world/report.ts';

const GET_ME = { _: 'users.getUsers', id: [{ _: 'inputUserSelf' }] };

let dataCentre: DataCentre;
let login: LoginCredentials;
const toEnd: (() => unknown)[] = [];

beforeEach(() => start(0));
afterEach(async () => {
  for (const end of toEnd.splice(0)) await end();
  await dataCentre.stop();
});

async function start(dupWindowMs: number): Promise<void> {
  await dataCentre?.stop();
  dataCentre = await startDataCentre({ dupWindowMs });
  login = dataCentre.addAccount({ userId: 42, firstName: 'Ann', layer: 198 });
}

function gram(ip: string): TelegramClient {
  const client = gramClient({ front: dataCentre.socksAddresses[0] as ListenAddress, login, ip });
  toEnd.push(() => client.destroy());
  return client;
}

async function raw(from: string): Promise<RawClient> {
  const client = await RawClient.online(
    dataCentre.addresses[0] as ListenAddress,
    login.authKey,
    from,
  );
  toEnd.push(() => client.close());
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

async function errorOf(promise: Promise<unknown>): Promise<{ code: number; errorMessage: string }> {
  return promise.then(
    () => Promise.reject(new Error('no error')),
    (error) => error,
  );
}

describe('with the unmodified client', () => {
  test('a second client at another address kills the key for ever', async () => {
    const first = gram('10.0.0.1');
    await first.connect();
    await first.getMe();
    await errorOf(
      gram('10.0.0.2')
        .connect()
        .then((client) => (client ? Promise.reject({ code: 0 }) : client)),
    );
    expect(dataCentre.report().kills).toMatchObject([
      {
        keyId: login.keyId,
        userId: '42',
        rule: 'other-address',
        olderPeer: { ip: '10.0.0.1' },
        newerPeer: { ip: '10.0.0.2' },
      },
    ]);
    await eventually(() =>
      account()
        .connections.slice(0, 2)
        .every((connection) => connection.closedBy === 'duplicate'),
    );
    expect(await errorOf(first.getMe())).toMatchObject({
      code: 406,
      errorMessage: 'AUTH_KEY_DUPLICATED',
    });
    expect(await errorOf(gram('10.0.0.3').connect())).toMatchObject({
      code: 406,
      errorMessage: 'AUTH_KEY_DUPLICATED',
    });
    expect(account()).toMatchObject({ status: 'duplicated' });
    expect(dataCentre.report().kills.length).toBe(1);
  });

  test('one after the other at two addresses is allowed', async () => {
    for (const ip of ['10.0.0.1', '10.0.0.2', '10.0.0.1']) {
      const client = gram(ip);
      await client.connect();
      await client.getMe();
      await client.destroy();
      await eventually(() => account().liveNow === 0);
    }
    expect(account()).toMatchObject({ status: 'live', maxLive: 1, overlaps: [] });
    expect(account().connections.map(({ peer }) => peer.ip)).toEqual([
      '10.0.0.1',
      '10.0.0.2',
      '10.0.0.1',
    ]);
  });
});

describe('packet by packet', () => {
  test('two idle connections of one address live, but are reported', async () => {
    const older = await raw('127.0.0.1');
    expect(await older.call(introduced(GET_ME))).toMatchObject({ _: 'bytes' });
    const newer = await raw('127.0.0.1');
    expect(await newer.call(GET_ME)).toMatchObject({ _: 'bytes' });
    expect(account()).toMatchObject({ status: 'live', liveNow: 2, maxLive: 2 });
    expect(account().overlaps).toMatchObject([
      { olderId: 1, newerId: 2, endedAt: null, olderSpokeAfter: false },
    ]);
    older.close();
    await eventually(() => account().overlaps[0]?.endedAt !== null);
    expect(await newer.call(GET_ME)).toMatchObject({ _: 'bytes' });
    expect(account()).toMatchObject({ status: 'live', liveNow: 1, maxLive: 2 });
  });

  test('requests A, B, A over two connections of one address kill the key', async () => {
    const [a, b] = [await raw('127.0.0.1'), await raw('127.0.0.1')];
    await a.call(GET_ME);
    await b.call(GET_ME);
    expect(account().status).toBe('live');
    expect(await a.call(GET_ME)).toMatchObject({ _: 'rpc_error', error_code: 406 });
    expect(dataCentre.report().kills).toMatchObject([
      { rule: 'interleaved', olderId: 1, newerId: 2 },
    ]);
    await eventually(() => a.isClosed && b.isClosed);
    const later = await raw('127.0.0.1');
    expect(await later.call(introduced({ _: 'help.getConfig' }))).toMatchObject({
      _: 'rpc_error',
      error_code: 406,
    });
    expect(account().maxLive).toBe(2);
  });

  test('any packet from another address is enough, and the third connection goes too', async () => {
    const [a, b] = [await raw('127.0.0.1'), await raw('127.0.0.1')];
    const c = await raw('127.0.0.2');
    await eventually(() => a.isClosed && b.isClosed && c.isClosed);
    expect(dataCentre.report().kills).toMatchObject([
      { rule: 'other-address', olderPeer: { ip: '127.0.0.1' }, newerPeer: { ip: '127.0.0.2' } },
    ]);
  });

  test('an address that follows too soon, within the window', async () => {
    await start(400);
    const first = await raw('127.0.0.1');
    first.close();
    await eventually(() => account().liveNow === 0);
    await sleep(450);
    const second = await raw('127.0.0.2');
    expect(account().status).toBe('live');
    second.close();
    await eventually(() => account().liveNow === 0);
    await raw('127.0.0.1').catch(() => {});
    expect(account()).toMatchObject({ status: 'duplicated', maxLive: 1 });
  });

  test('a destroyed key hears 406 even where its request is wrong, and what it first asked is on record', async () => {
    login = dataCentre.addAccount({ userId: 43 });
    const [a, b] = [await raw('127.0.0.1'), await raw('127.0.0.1')];
    await a.call(introduced(GET_ME));
    await b.call(GET_ME);
    await a.call(GET_ME);
    dataCentre.world.loginOf(login.keyId).layer = null;
    expect(await (await raw('127.0.0.1')).call(GET_ME)).toMatchObject({ error_code: 406 });
    const requests = dataCentre
      .report()
      .accounts[1]?.connections.map(({ firstRequest }) => firstRequest?.method);
    expect(requests).toEqual(['users.getUsers', 'users.getUsers', undefined]);
  });

  test('another key of the same account is another matter', async () => {
    const phone = dataCentre.addAccount({ userId: 42, layer: 198 });
    const a = await raw('127.0.0.1');
    const b = await RawClient.online(
      dataCentre.addresses[0] as ListenAddress,
      phone.authKey,
      '127.0.0.2',
    );
    toEnd.push(() => b.close());
    await a.call(GET_ME);
    await b.call(GET_ME);
    await a.call(GET_ME);
    expect(dataCentre.report()).toMatchObject({
      kills: [],
      accounts: [{ maxLive: 1 }, { maxLive: 1 }],
    });
  });
});

type Step = { readonly kind: 'open' | 'packet' | 'request' | 'close'; readonly who: number };

/**
 * Runs steps of up to four connections; tells whether any was judged a duplicate, and how many were
 * open at most.
 */
function play(
  steps: readonly Step[],
  ips: readonly string[],
): { killed: boolean; mostOpen: number; maxLive: number } {
  const use = newKeyUse();
  const open = new Map<number, ConnectionRecord>();
  let killed = false;
  let mostOpen = 0;
  for (const [now, { kind, who }] of steps.entries()) {
    const record =
      open.get(who) ??
      (kind === 'open' ? recordOf(use.connections.length + 1, ips[who] ?? '', now) : undefined);
    if (record === undefined) continue;
    if (!open.has(who)) noteAuthorized(use, record);
    open.set(who, record);
    mostOpen = Math.max(mostOpen, open.size);
    if (kind === 'close') {
      noteClosed(use, record, now, 'peer');
      open.delete(who);
      continue;
    }
    notePacket(use, record, now);
    killed ||= judgePacket(use, record, now, 0) !== null;
    if (kind === 'request') killed ||= judgeRequest(use, record) !== null;
  }
  return { killed, mostOpen, maxLive: use.maxLive };
}

function recordOf(id: number, ip: string, now: number): ConnectionRecord {
  const blank = {
    asked: '',
    transport: 'full',
    closedAt: null,
    closedBy: null,
    packets: 0,
    requests: 0,
    firstRequest: null,
    init: null,
  } as const;
  return {
    ...blank,
    id,
    peer: { ip, port: id },
    openedAt: now,
    authorizedAt: now,
    lastPacketAt: now,
  };
}

describe('the rule', () => {
  const who = fc.nat(2);
  const steps = fc.array(
    fc.record({ kind: fc.constantFrom('open', 'packet', 'request', 'close' as const), who }),
    {
      maxLength: 40,
    },
  ) as fc.Arbitrary<Step[]>;

  test('counts the connections open at once exactly', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const { mostOpen, maxLive } = play(list, ['a', 'a', 'b']);
        expect(maxLive).toBe(mostOpen);
      }),
    );
  });

  test('never kills what was never open twice', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(who, fc.nat(5)), { maxLength: 10 }), (lives) => {
        const list = lives.flatMap(([one, requests]): Step[] => [
          { kind: 'open', who: one },
          ...Array.from({ length: requests }, (): Step => ({ kind: 'request', who: one })),
          { kind: 'close', who: one },
        ]);
        expect(play(list, ['a', 'b', 'a'])).toMatchObject({ killed: false });
      }),
    );
  });

  test('always kills two addresses that are open at once, at the next packet of either', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const two: Step[] = [
          { kind: 'open', who: 0 },
          { kind: 'open', who: 2 },
          { kind: 'packet', who: 0 },
        ];
        expect(play([...list, ...two], ['a', 'a', 'b']).killed).toBe(true);
      }),
    );
  });

  test.each([
    ['A B A', ['A', 'B', 'A'], true],
    ['A A B B', ['A', 'A', 'B', 'B'], false],
    ['A B B', ['A', 'B', 'B'], false],
    ['A B C A', ['A', 'B', 'C', 'A'], true],
    ['B A B', ['B', 'A', 'B'], true],
  ])('requests %s of one address', (_name, order, killed) => {
    const opened = ['A', 'B', 'C'].map((_letter, index): Step => ({ kind: 'open', who: index }));
    const requests = order.map((letter): Step => ({ kind: 'request', who: 'ABC'.indexOf(letter) }));
    expect(play([...opened, ...requests], ['a', 'a', 'a']).killed).toBe(killed);
  });
});
