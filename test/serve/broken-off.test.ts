/**
 * What is broken off: acts whose server or process dies, plans that the world outran, tokens that
 * end while their client listens, and clients that do not take their answers.
 */
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import { setPlacement } from '../../src/ledger/queries/accounts.ts';
import { ensureHosts, recordBootstrapped } from '../../src/ledger/queries/hosts.ts';
import { insertMove } from '../../src/ledger/queries/moves.ts';
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
} from './api-server.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const folder = mkdtempSync(join(tmpdir(), 'fleet-api-'));
const inventoryFile = join(folder, 'inventory.yaml');
let server: Server;
let token = '';

/** Every host: it accepts connections and says nothing, so that an act stays in its middle. */
const connections = new Set<Socket>();
const mute = createServer((socket) => {
  socket.on('error', () => undefined).on('close', () => connections.delete(socket));
  connections.add(socket);
});

const options = ['--rate', '5000', '--request-limit', '2s'];

async function withLedger<T>(use: (ledger: Ledger) => Promise<T>): Promise<T> {
  const ledger = await openLedger(join(folder, 'fleet.db'));
  try {
    return await use(ledger);
  } finally {
    await ledger.close();
  }
}

beforeAll(async () => {
  mute.listen(0, '0.0.0.0');
  await once(mute, 'listening');
  const { port } = mute.address() as { port: number };
  writeFileSync(
    inventoryFile,
    inventory.replace('{ port: 1, connect_timeout: 2s }', `{ port: ${port}, connect_timeout: 2m }`),
  );
  await fillLedger(folder);
  await withLedger(async ({ db }) => {
    for (const host of ['open-1', 'open-2', 'veiled-1'])
      await recordBootstrapped(db, host, 1, { release: 'x', holdAfterMs: 1_000 });
  });
  token = await makeToken(folder, 'ci', '--scope', 'act');
  server = await startServer(folder, ...options);
});
afterAll(async () => {
  for (const socket of connections) socket.destroy();
  await server?.stop();
  mute.close();
  rmSync(folder, { recursive: true, force: true });
});

const get = (path: string): Promise<Answered> => askAt(server.socket, 'GET', path, { token });
const post = (path: string, body: unknown, headers = {}): Promise<Answered> =>
  askAt(server.socket, 'POST', path, { token, body, headers });

/** Until `isSo`; how long a machine takes for it does not matter. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1_000 && !(await isSo()); tries += 1) await sleep(50);
  expect(await isSo()).toBe(true);
}

const childrenOf = (pid = 0): readonly number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);

/** Begins to stop an account, whose host says nothing: the plan, and the answer to its `apply`. */
async function beginStop(account: string, key: string) {
  const plan = await post('/v1/accounts/stop', { accounts: [account] });
  expect(plan.status).toBe(200);
  const apply = String(plan.body.apply);
  const begun = await post(apply, {}, { 'idempotency-key': key });
  expect([begun.status, begun.text]).toEqual([202, expect.stringContaining('"job"')]);
  await until(() => connections.size > 0);
  return { apply, begun, job: String(begun.body.job) };
}

const actsOf = async (account: string): Promise<readonly unknown[]> =>
  withLedger(async ({ db }) => {
    const kept = db.selectFrom('events').selectAll().where('kind', '=', 'api-act');
    return (await kept.execute()).filter(({ text }) => text.includes(account));
  });

test('a server that is killed in the middle of an act: the job is found again, and nothing is done twice', async () => {
  const { apply, begun, job } = await beginStop('anna', 'k-anna');
  expect((await get(`/v1/jobs/${job}`)).body.state).toBe('running');
  const acting = childrenOf(server.child.pid);
  expect(acting.length).toBeGreaterThan(0);
  await server.stop('SIGKILL');
  // Its processes see that it is gone, and end.
  await until(() => acting.every((pid) => !existsSync(`/proc/${pid}/cmdline`) || isZombie(pid)));
  server = await startServer(folder, ...options);
  expect((await get(`/v1/jobs/${job}`)).body).toMatchObject({
    ...{ id: job, state: 'unknown', verb: 'accounts stop', openMoves: [] },
    by: 'token ci from a unix socket',
  });
  expect((await get('/v1/jobs')).body.jobs).toContainEqual(
    expect.objectContaining({ id: job, state: 'unknown' }),
  );
  const again = await post(apply, {}, { 'idempotency-key': 'k-anna' });
  expect([again.status, again.text]).toEqual([202, begun.text]);
  for (const headers of [{}, { 'idempotency-key': 'k-other' }])
    expect(await post(apply, {}, headers)).toMatchObject({
      ...{ status: 409, body: { code: 'plan-stale' } },
    });
  // Once, with who and from where.
  expect(await actsOf('anna')).toEqual([
    expect.objectContaining({ text: expect.stringContaining('token ci from a unix socket') }),
  ]);
});

const isZombie = (pid: number): boolean => {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
};

test('a process that dies in the middle of its act: the job is unknown, and the server goes on', async () => {
  const { job } = await beginStop('bert', 'k-bert');
  for (const pid of childrenOf(server.child.pid)) process.kill(pid, 'SIGKILL');
  await until(async () => (await get(`/v1/jobs/${job}`)).body.state !== 'running');
  expect((await get(`/v1/jobs/${job}`)).body).toMatchObject({
    ...{ state: 'unknown', problem: { code: 'in-doubt' }, openMoves: [] },
  });
  // What it held is free: the next act begins.
  const plan = await post('/v1/hosts/cordon', { hosts: ['veiled-1'] });
  expect((await post(String(plan.body.apply), {})).status).toBe(202);
});

const fleet = (...args: string[]) =>
  tryCommand([program, ...args], { cwd: folder, env: { HOME: folder } });

/** What may happen between a plan and its application. */
const changes: readonly (readonly [string, () => Promise<unknown>])[] = [
  [
    'an account has another owner',
    () =>
      withLedger(({ db }) =>
        setPlacement(db, { account: 'bert', host: 'open-1', epoch: 2, move_id: 'x', since: 1 }),
      ),
  ],
  [
    'a move was begun',
    () =>
      withLedger(({ db }) =>
        insertMove(db, {
          ...{ id: 'open', account: 'zorro', key_id: '2'.padStart(32, '0'), kind: 'manual' },
          ...{ epoch: 2, from_host: 'veiled-1', to_host: 'open-1', created_at: 1 },
          decision_json: '{}',
        }),
      ),
  ],
  ['an account was pinned', () => fleet('accounts', 'pin', 'anna', 'open-2', '--yes')],
  [
    'the inventory has another rule',
    async () => {
      const text = readFileSync(inventoryFile, 'utf8');
      writeFileSync(inventoryFile, `${text}placement: { threshold: 31 }\n`);
    },
  ],
  [
    'a host is another machine',
    () =>
      withLedger(({ db }) =>
        db
          .updateTable('hosts')
          .set({ instance_id: 'other' })
          .where('name', '=', 'open-1')
          .execute(),
      ),
  ],
  ['a host was cordoned', () => fleet('hosts', 'cordon', 'open-1', '--yes')],
  ['a host came', () => withLedger(({ db }) => ensureHosts(db, ['new-1']))],
];

test.each(changes)('a plan is stale when %s, and nothing is done', async (_, change) => {
  const plan = await post('/v1/hosts/cordon', { hosts: ['open-2'], reason: 'stale' });
  expect(plan.status).toBe(200);
  await change();
  expect(await post(String(plan.body.apply), {})).toMatchObject({
    ...{ status: 409, body: { code: 'plan-stale' } },
  });
  const { cordoned } = await withLedger(({ db }) =>
    db
      .selectFrom('hosts')
      .select('cordoned')
      .where('name', '=', 'open-2')
      .executeTakeFirstOrThrow(),
  );
  expect(cordoned).toBe(0);
});

test('whoever listens hears nothing more when the token is revoked, and a listener has its place at once', async () => {
  const own = await makeToken(folder, 'leaver');
  const headers = { authorization: `Bearer ${own}` };
  const sent = request({ socketPath: server.socket, path: '/events', agent: false, headers });
  const heard = new Promise<string>((resolve, reject) => {
    sent.on('error', reject).on('response', (reply) => {
      let text = '';
      reply.on('data', (part: Buffer) => {
        text += part.toString('utf8');
      });
      reply.on('error', () => undefined).on('close', () => resolve(text));
    });
  });
  sent.end();
  await sleep(300);
  expect((await fleet('token', 'revoke', 'leaver')).code).toBe(0);
  const text = await heard;
  expect(text).toMatch(/^retry: \d+\nid: \d+\n/);
  expect(text).not.toContain('token-revoked');
});

test('clients that do not take their answers have a bound and a time, and others are answered', async () => {
  await withLedger(({ db }) =>
    db.transaction().execute(async (each) => {
      for (let index = 0; index < 1_000; index += 1) {
        const text = `${index} ${'x'.repeat(4_000)}`;
        await each
          .insertInto('events')
          .values({ at: 1, kind: 'test', host: null, account: null, text })
          .execute();
      }
    }),
  );
  const path = '/v1/events?lines=1000&page=1000';
  expect((await get(path)).text.length).toBeGreaterThan(4_000_000);
  const deaf = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const socket = connect(server.socket);
      socket.on('error', () => undefined);
      socket.pause();
      socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`);
      return socket;
    }),
  );
  await until(() => server.log().split('GET /v1/events 503').length > 1);
  expect((await get('/v1/version')).status).toBe(200);
  // They are cut off in time, and what they held is free.
  await until(async () => (await get(path)).status === 200);
  for (const socket of deaf) socket.destroy();
});
