/**
 * Clients that are slow, many, deaf or wrong, and a server that is told to end: each in its bounds.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';
import { program } from '../cli/fleet-command.ts';
import { tryCommand } from '../lab/run-command.ts';
import {
  type Answered,
  askAt,
  fillLedger,
  inventory,
  makeToken,
  type Server,
  startServer,
  veiled,
} from './api-server.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const folder = mkdtempSync(join(tmpdir(), 'fleet-api-'));
let server: Server;
let token = '';
let open = '';
let crowd = '';

beforeAll(async () => {
  writeFileSync(join(folder, 'inventory.yaml'), inventory);
  await fillLedger(folder);
  token = await makeToken(folder, 'ci', '--scope', 'act');
  open = await makeToken(folder, 'shop', '--hosts', 'open-*');
  crowd = await makeToken(folder, 'crowd');
  server = await startServer(folder, '--rate', '20', '--request-limit', '3s');
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const get = (path: string, own = token, headers = {}): Promise<Answered> =>
  askAt(server.socket, 'GET', path, { token: own, headers });

/** Everything that comes until the connection ends. */
const allFrom = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    let text = '';
    socket.on('data', (part: Buffer) => {
      text += part.toString('utf8');
    });
    socket.on('error', () => undefined).on('close', () => resolve(text));
  });

test('a client that does not send its request in time is cut off with 408', async () => {
  const socket = connect(server.socket);
  socket.write(`POST /v1/hosts/cordon HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n`);
  socket.write('content-type: application/json\r\ncontent-length: 100\r\n\r\n{"hosts":');
  const text = await allFrom(socket);
  expect(text).toContain('408');
  expect(text).toContain('urn:fleet:problem:slow');
});

test('what is no HTTP, and a head without end, are refused', async () => {
  const socket = connect(server.socket);
  socket.end('hello\r\n\r\n');
  expect(await allFrom(socket)).toContain('400');
  const long = await get('/v1/status', token, { 'x-long': 'x'.repeat(30_000) });
  expect([long.status, long.body.code]).toEqual([431, 'too-large']);
});

test('who asks too often waits, others do not', async () => {
  const answers = await Promise.all(Array.from({ length: 300 }, () => get('/v1/version', crowd)));
  const late = answers.filter(({ status }) => status === 429);
  expect(late.length).toBeGreaterThan(50);
  expect(late[0]).toMatchObject({ body: { code: 'rate' }, headers: { 'retry-after': '1' } });
  expect((await askAt(server.socket, 'GET', '/v1/version', { token: open })).status).toBe(200);
  const wrong = Array.from({ length: 60 }, () =>
    askAt(server.socket, 'GET', '/v1/version', { token: 'x' }),
  );
  const statuses = new Set((await Promise.all(wrong)).map(({ status }) => status));
  expect([...statuses].toSorted()).toEqual([401, 429]);
  expect((await askAt(server.socket, 'GET', '/v1/version', { token: open })).status).toBe(200);
});

/** Listens, and resolves with all that came as soon as it contains `until`. */
function listen(own: string, until: RegExp, lastId?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...{ authorization: `Bearer ${own}`, accept: 'text/event-stream' },
      ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
    };
    const sent = request({ socketPath: server.socket, path: '/events', agent: false, headers });
    sent.on('error', reject).on('response', (reply) => {
      let text = '';
      reply.on('data', (part: Buffer) => {
        text += part.toString('utf8');
        if (!until.test(text)) return;
        sent.destroy();
        resolve(text);
      });
      reply.on('error', () => undefined);
    });
    sent.end();
  });
}

const tell = async (text: string, host: string): Promise<void> => {
  const ledger = await openLedger(join(folder, 'fleet.db'));
  const event = { at: Date.now(), kind: 'host-suspect', host, account: null };
  await ledger.db
    .insertInto('events')
    .values({ ...event, text: JSON.stringify({ reason: text }) })
    .execute();
  await ledger.close();
};

test('the history comes as it is written, and goes on where a client left it', async () => {
  const heard = listen(token, /second/);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await tell('first', 'open-1');
  await tell('second', 'veiled-1');
  const text = await heard;
  const [, id = ''] = /id: (\d+)\nevent: event\ndata: \{[^\n]*"first"/.exec(text) ?? [];
  expect(Number(id)).toBeGreaterThan(0);
  const rest = await listen(token, /second/, id);
  expect(rest).not.toContain('first');
  // From the beginning: decisions, too. A limited token hears of its own hosts only.
  expect(await listen(token, /second/, '0')).toContain('event: decision');
  const limited = await listen(open, /first/, '0');
  expect(limited).toContain('anna');
  expect(limited).not.toMatch(veiled);
});

/** MB that the server occupies. */
const residentMb = (): number =>
  Number(
    /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.child.pid ?? 0}/status`, 'utf8'))?.[1],
  ) / 1024;

test('a client that listens and never reads is dropped, and costs no memory', async () => {
  const deaf = Array.from({ length: 20 }, () => {
    const socket = connect(server.socket);
    socket.pause();
    const head = 'host: x\r\naccept: text/event-stream\r\nlast-event-id: 0\r\n';
    socket.write(`GET /events HTTP/1.1\r\n${head}authorization: Bearer ${token}\r\n\r\n`);
    return socket;
  });
  const ledger = await openLedger(join(folder, 'fleet.db'));
  await ledger.db.transaction().execute(async (db) => {
    for (let index = 0; index < 5_000; index += 1) {
      const text = `${index} ${'x'.repeat(2_000)}`;
      const event = { at: 1, kind: 'test', host: null, account: null, text };
      await db.insertInto('events').values(event).execute();
    }
  });
  await ledger.close();
  const before = residentMb();
  for (let tries = 0; tries < 200; tries += 1) {
    if ((server.log().match(/it does not read/g) ?? []).length >= deaf.length) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  for (const socket of deaf) socket.destroy();
  expect(server.log().match(/it does not read/g)).toHaveLength(deaf.length);
  // 20 clients times 10 MB, had they been kept.
  expect(residentMb() - before).toBeLessThan(100);
});

test('a place that cannot be had is refused before anything is done, with exit code 2', async () => {
  const fleet = (...args: string[]) =>
    tryCommand([program, 'serve', ...args], { cwd: folder, env: { HOME: folder } });
  const open = await fleet('--listen', '0.0.0.0:8000');
  expect([open.code, open.stderr]).toEqual([2, expect.stringContaining('0.0.0.0:8000')]);
  const taken = await fleet('--socket', server.socket);
  expect([taken.code, taken.stderr]).toEqual([2, expect.stringContaining('another server')]);
  const file = await fleet('--socket', join(folder, 'inventory.yaml'));
  expect([file.code, file.stderr]).toEqual([2, expect.stringContaining('no socket')]);
  const tls = await fleet('--tls-cert', 'none.pem', '--tls-key', 'none.pem');
  expect([tls.code, tls.stderr]).toEqual([2, expect.stringContaining('none.pem')]);
  writeFileSync(join(folder, 'bad.yaml'), 'version: 1\nhosts: 3\n');
  const bad = await fleet('--inventory', join(folder, 'bad.yaml'));
  expect([bad.code, bad.stderr]).toEqual([2, expect.stringContaining('bad.yaml')]);
});

test('SIGTERM ends it with code 0, also while clients listen, and its log is JSON with --json', async () => {
  expect(await server.stop()).toBe(0);
  server = await startServer(folder, '--json');
  const listening = listen(token, /never/).catch(() => 'cut');
  await get('/v1/version');
  expect(await server.stop()).toBe(0);
  const lines = server
    .log()
    .trim()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toContainEqual(
    expect.objectContaining({ kind: 'request', path: '/v1/version', status: 200, token: 'ci' }),
  );
  void listening;
});
