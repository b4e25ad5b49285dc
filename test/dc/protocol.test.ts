import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bytesOf, introduced, RawClient } from './clients/raw-client.ts';
import {
  type DataCentre,
  type DataCentreOptions,
  type ListenAddress,
  type LoginCredentials,
  startDataCentre,
} from './server.ts';
import { TlWriter } from './tl/bytes.ts';
import type { TlObject } from './tl/codec.ts';
import { sealEnvelope } from './wire/crypto.ts';
import { GZIP_ID, gzipPacked, packContainer } from './wire/messages.ts';

const GET_STATE = { _: 'updates.getState' };
const ping = (id: bigint) => bytesOf({ _: 'ping', ping_id: id });

let dataCentre: DataCentre;
let login: LoginCredentials;
const clients: RawClient[] = [];

beforeEach(() => start({}));
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await dataCentre.stop();
});

async function start(options: DataCentreOptions): Promise<void> {
  await dataCentre?.stop();
  dataCentre = await startDataCentre({ socks: [], ...options });
  login = dataCentre.addAccount({ userId: 42, layer: 198 });
}

function address(): ListenAddress {
  return dataCentre.addresses[0] as ListenAddress;
}

async function online(): Promise<RawClient> {
  const client = await RawClient.online(address(), login.authKey);
  clients.push(client);
  return client;
}

function violations(): string[] {
  return dataCentre.report().violations.map(({ kind, detail }) => `${kind}: ${detail}`);
}

async function eventually(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 5000; !condition(); await sleep(5)) {
    if (Date.now() > deadline) throw new Error(`never happened: ${condition}`);
  }
}

describe('salts and sessions', () => {
  test('a wrong salt is refused with the message it belongs to, and makes no session', async () => {
    const client = await RawClient.connect(address(), login.authKey);
    clients.push(client);
    const id = client.send(ping(1n), { sequence: 7, salt: 99n });
    const { value } = await client.next('bad_server_salt');
    expect(value).toMatchObject({ bad_msg_id: id, bad_msg_seqno: 7, error_code: 48 });
    expect(dataCentre.world.loginOf(login.keyId).sessions.size).toBe(0);
    expect(client.heard.length).toBe(1);
  });

  test('the first accepted message makes one session and says so once', async () => {
    const client = await online();
    const first = client.send(ping(2n));
    await client.next('pong', (value) => value.ping_id === 2n);
    client.send(ping(3n));
    await client.next('pong', (value) => value.ping_id === 3n);
    const created = client.heard.filter(({ value }) => value._ === 'new_session_created');
    expect(created).toMatchObject([
      { value: { first_msg_id: first, server_salt: client.salt }, sequence: 1 },
    ]);
  });

  test('future salts are valid salts', async () => {
    const client = await online();
    const id = client.send(bytesOf({ _: 'get_future_salts', num: 3 }));
    const { value } = await client.next('future_salts');
    const salts = (value.salts as readonly TlObject[]).map(({ salt }) => salt);
    expect(value.req_msg_id).toBe(id);
    expect(salts.length).toBe(3);
    client.send(ping(9n), { salt: salts[2] as bigint });
    await client.next('pong', (pong) => pong.ping_id === 9n);
  });

  test("the server's ids grow, answers are 1 modulo 4, containers carry what came together", async () => {
    const client = await online();
    client.send(ping(2n));
    await client.call(GET_STATE);
    await client.call({ _: 'help.getConfig' });
    const ids = client.heard.map(({ messageId }) => messageId);
    expect(ids).toEqual([...ids].sort((a, b) => (a < b ? -1 : 1)));
    expect(
      client.heard
        .filter(({ value }) => value._ === 'rpc_result')
        .every(({ messageId }) => (messageId & 3n) === 1n),
    ).toBe(true);
    expect(client.heard.some(({ inContainer }) => inContainer)).toBe(true);
    expect(
      client.heard
        .filter(({ value }) => value._ === 'rpc_result')
        .map(({ value }) => value.was_packed),
    ).toEqual([false, true]);
  });
});

describe('messages that are refused', () => {
  const second = 1n << 32n;

  test.each([
    [18, (now: bigint) => ({ messageId: now + 1n })],
    [16, (now: bigint) => ({ messageId: now - 301n * second })],
    [17, (now: bigint) => ({ messageId: now + 40n * second })],
    [35, () => ({ sequence: 2 })],
  ] as const)('code %i', async (code, change) => {
    const client = await online();
    const id = client.send(bytesOf(GET_STATE), change(client.nextId()));
    const { value } = await client.next('bad_msg_notification');
    expect(value).toMatchObject({ bad_msg_id: id, error_code: code });
    expect(await client.call(GET_STATE)).toMatchObject({ _: 'updates.state' });
  });

  test('code 19: the same id twice, answered once', async () => {
    const client = await online();
    const messageId = client.nextId();
    client.send(ping(7n), { messageId });
    client.send(ping(7n), { messageId });
    expect((await client.next('bad_msg_notification')).value).toMatchObject({
      bad_msg_id: messageId,
      error_code: 19,
    });
    expect(
      client.heard.filter(({ value }) => value._ === 'pong' && value.ping_id === 7n).length,
    ).toBe(1);
  });

  test.each([
    [
      'a container with an odd number',
      34,
      { sequence: 1 },
      (id: bigint) => packContainer([{ messageId: id, sequence: 1, body: ping(1n) }]),
    ],
    [
      'a container older than its content',
      64,
      { sequence: 0 },
      (id: bigint) => packContainer([{ messageId: id + 2n ** 34n, sequence: 1, body: ping(1n) }]),
    ],
    [
      'a container in a container',
      64,
      { sequence: 0 },
      (id: bigint) => packContainer([{ messageId: id, sequence: 0, body: packContainer([]) }]),
    ],
    ['a protocol message cut short', 64, {}, () => ping(1n).subarray(0, 8)],
    ['packed data that is none', 64, {}, () => Buffer.from('a1cf723003616263', 'hex')],
    ['nothing', 64, {}, () => Buffer.alloc(0)],
  ] as const)('%s: code %i', async (_name, code, change, body) => {
    const client = await online();
    client.send(body(client.nextId()), change);
    expect((await client.next('bad_msg_notification')).value).toMatchObject({ error_code: code });
  });

  test('the clock of the data centre can run ahead', async () => {
    await start({ clockSkewMs: 600_000 });
    const client = await online();
    client.send(ping(1n));
    expect((await client.next('bad_msg_notification')).value).toMatchObject({ error_code: 16 });
  });
});

describe('requests', () => {
  test('packed with gzip or zlib, in containers, behind wrappers in any order', async () => {
    const client = await online();
    const zlib = new TlWriter();
    zlib.int(GZIP_ID);
    zlib.bytes(deflateSync(bytesOf(GET_STATE)));
    const after = {
      _: 'invokeAfterMsg',
      msg_id: 4n,
      query: { _: 'invokeWithoutUpdates', query: introduced(GET_STATE) },
    };
    const bodies = [gzipPacked(bytesOf(GET_STATE)), zlib.finish(), bytesOf(after)];
    const messages = bodies.map((body) => ({ messageId: client.nextId(), sequence: 1, body }));
    client.send(gzipPacked(packContainer(messages)), { sequence: 0 });
    for (const { messageId } of messages) {
      const answer = await client.next('rpc_result', (value) => value.req_msg_id === messageId);
      expect(answer.value.result).toMatchObject({ _: 'updates.state' });
    }
    expect(violations()).toEqual([]);
  });

  test('repeated inside a later container: performed once', async () => {
    const client = await online();
    dataCentre.fault({ method: 'updates.getState', effect: { kind: 'silence' } });
    const messageId = client.send(bytesOf(GET_STATE));
    client.send(packContainer([{ messageId, sequence: 1, body: bytesOf(GET_STATE) }]), {
      sequence: 0,
    });
    await client.call({ _: 'help.getNearestDc' });
    expect(
      client.heard.some(({ value }) => value._ === 'rpc_result' && value.req_msg_id === messageId),
    ).toBe(false);
    expect(violations()).toEqual([]);
  });

  test('a key that never introduced itself is told so; afterwards its layer is known on every connection', async () => {
    login = dataCentre.addAccount({ userId: 43 });
    const client = await online();
    expect(await client.call(GET_STATE)).toMatchObject({
      error_code: 400,
      error_message: Buffer.from('CONNECTION_NOT_INITED'),
    });
    expect(await client.call(introduced(GET_STATE))).toMatchObject({ _: 'updates.state' });
    client.close();
    expect(await (await online()).call(GET_STATE)).toMatchObject({ _: 'updates.state' });
  });

  test('a layer without schema is refused', async () => {
    const client = await online();
    const answer = await client.call({
      _: 'invokeWithLayer',
      layer: 300,
      query: { _: 'help.getConfig' },
    });
    expect(answer).toMatchObject({ error_message: Buffer.from('CONNECTION_LAYER_INVALID') });
  });

  test('a layer given as text is spoken', async () => {
    const text = 'config#77 this_dc:int = Config;\n---functions---\nhelp.getConfig#78 = Config;';
    await start({ layers: [{ layer: 7, text }] });
    const client = await online();
    const query = Buffer.from('78000000', 'hex');
    const answer = await client.call({ _: 'invokeWithLayer', layer: 7, query });
    expect(answer).toEqual({ _: 'bytes', bytes: Buffer.from('7700000002000000', 'hex') });
  });

  test('what no schema knows is an error, not the end', async () => {
    const client = await online();
    const id = client.send(Buffer.from('78563412', 'hex'));
    const { value } = await client.next('rpc_result', (result) => result.req_msg_id === id);
    expect(value.result).toMatchObject({ error_message: Buffer.from('INPUT_METHOD_INVALID') });
    expect(violations()).toEqual(['schema: constructor 12345678 is not in the schema']);
  });

  test('a handler that fails is a 500 and a violation', async () => {
    const client = await online();
    Object.defineProperty(dataCentre.world.loginOf(login.keyId).account.feed, 'pts', {
      value: 'no number',
    });
    expect(await client.call(GET_STATE)).toMatchObject({ _: 'rpc_error', error_code: 500 });
    expect(violations()).toEqual(['internal: updates.state.pts: expected number, got string']);
    expect(await client.call({ _: 'help.getNearestDc' })).toMatchObject({ _: 'nearestDc' });
  });

  test('faults can be transport errors', async () => {
    const client = await online();
    dataCentre.fault({ method: 'updates.getState', effect: { kind: 'transport', code: -429 } });
    client.send(bytesOf(GET_STATE));
    await eventually(() => client.isClosed);
    expect(client.transportErrors).toEqual([-429]);
  });
});

describe('protocol messages', () => {
  test('state requests, sessions that end, answers that are dropped, acknowledgements', async () => {
    const client = await online();
    const known = client.send(ping(5n));
    client.send(bytesOf({ _: 'msgs_ack', msg_ids: [1n, 2n] }), { sequence: 2 });
    client.send(bytesOf({ _: 'msgs_state_req', msg_ids: [known, 4n] }));
    expect((await client.next('msgs_state_info')).value.info).toEqual(Buffer.from([4, 1]));
    client.send(bytesOf({ _: 'destroy_session', session_id: 77n }));
    expect((await client.next('destroy_session_none')).value.session_id).toBe(77n);
    const other = await online();
    other.send(ping(6n));
    await other.next('pong');
    client.send(bytesOf({ _: 'destroy_session', session_id: other.sessionId }));
    await client.next('destroy_session_ok');
    expect(await client.call({ _: 'rpc_drop_answer', req_msg_id: 8n })).toMatchObject({
      _: 'rpc_answer_unknown',
    });
    expect(violations()).toEqual([]);
  });

  test('ping_delay_disconnect ends a connection that does not ping again', async () => {
    const client = await online();
    client.send(bytesOf({ _: 'ping_delay_disconnect', ping_id: 1n, disconnect_delay: 0 }));
    await eventually(() => client.isClosed);
    expect(dataCentre.report().accounts[0]?.connections[0]?.closedBy).toBe('ping-delay');
  });

  test('a connection that falls silent is ended', async () => {
    await start({ idleTimeoutMs: 150 });
    const client = await online();
    await eventually(() => client.isClosed);
    expect(dataCentre.report().accounts[0]?.connections[0]?.closedBy).toBe('silent');
  });

  test('pings can be silenced for a time', async () => {
    const client = await online();
    dataCentre.fault({ method: 'ping', times: 1, effect: { kind: 'silence' } });
    client.send(ping(1n));
    client.send(ping(2n));
    await client.next('pong', (value) => value.ping_id === 2n);
    expect(client.heard.some(({ value }) => value._ === 'pong' && value.ping_id === 1n)).toBe(
      false,
    );
  });
});

describe('what is no MTProto', () => {
  test('a key exchange is turned away with -404', async () => {
    const client = await RawClient.connect(address(), login.authKey);
    clients.push(client);
    client.sendPacket(Buffer.alloc(40));
    await eventually(() => client.isClosed);
    expect(client.transportErrors).toEqual([-404]);
    expect(dataCentre.report().refusals).toMatchObject([{ kind: 'key-exchange' }]);
  });

  test('a second key on a connection ends it', async () => {
    const other = dataCentre.addAccount({ userId: 44 });
    const client = await online();
    client.sendPacket(
      sealEnvelope(other.authKey, 'client', {
        salt: 0n,
        sessionId: 1n,
        messageId: client.nextId(),
        sequence: 1,
        body: ping(1n),
      }),
    );
    await eventually(() => client.isClosed);
    expect(violations()[0]).toMatch(/^second-key/);
  });

  test('a packet that was tampered with ends the connection', async () => {
    const client = await online();
    const packet = sealEnvelope(login.authKey, 'client', {
      salt: 0n,
      sessionId: 1n,
      messageId: client.nextId(),
      sequence: 1,
      body: ping(1n),
    });
    packet[packet.length - 1] = (packet[packet.length - 1] ?? 0) ^ 1;
    client.sendPacket(packet);
    await eventually(() => client.isClosed);
    expect(violations()).toEqual(['crypto: message key does not fit the content']);
  });

  test('any bytes at all leave it running', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (bytes) => {
        const socket = createConnection(address().port, address().host).on('error', () => {});
        socket.end(bytes);
        await new Promise((resolve) => socket.once('close', resolve).resume());
      }),
      { numRuns: 100 },
    );
    expect(await (await online()).call(GET_STATE)).toMatchObject({ _: 'updates.state' });
    expect(violations().filter((violation) => violation.startsWith('internal'))).toEqual([]);
  });

  test('any authenticated content leaves it running', async () => {
    const client = await online();
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 75 }),
        fc.nat(3),
        async (bytes, sequence) => {
          client.send(Buffer.concat(Array(4).fill(Buffer.from(bytes))), { sequence });
        },
      ),
      { numRuns: 300 },
    );
    expect(await client.call(GET_STATE)).toMatchObject({ _: 'updates.state' });
    expect(violations().filter((violation) => violation.startsWith('internal'))).toEqual([]);
  });
});
