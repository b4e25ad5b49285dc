/** The API as its clients meet it: a real server, a real ledger, hosts that do not answer. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';
import { offersOf } from '../../src/serve/offers.ts';
import { verbs } from '../../src/verbs/registry.ts';
import { program } from '../cli/fleet-command.ts';
import { tryCommand } from '../lab/run-command.ts';
import { fixtureKey } from '../sessions/fixture-sessions.ts';
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

const golden = join(import.meta.dirname, '..', 'sessions', 'golden-strings.json');
const sessionString =
  (JSON.parse(readFileSync(golden, 'utf8')) as Record<string, string>)['pyrogram 271'] ?? '';
const sessionKey = Buffer.from(fixtureKey(1));

const filesBelow = (path: string): string[] =>
  readdirSync(path, { withFileTypes: true, recursive: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  );

const folder = mkdtempSync(join(tmpdir(), 'fleet-api-'));
let server: Server;
const tokens = { look: '', plan: '', act: '', open: '' };

const fleet = (...args: string[]) =>
  tryCommand([program, ...args], { cwd: folder, env: { HOME: folder } });
const get = (path: string, token = tokens.look, headers = {}) =>
  askAt(server.socket, 'GET', path, { token, headers });
const post = (path: string, body: unknown, token = tokens.act, headers = {}) =>
  askAt(server.socket, 'POST', path, { token, body, headers });

beforeAll(async () => {
  writeFileSync(join(folder, 'inventory.yaml'), inventory);
  await fillLedger(folder);
  await fleet('vault', 'create-key');
  tokens.look = await makeToken(folder, 'viewer');
  tokens.plan = await makeToken(folder, 'planner', '--scope', 'plan');
  tokens.act = await makeToken(folder, 'ci', '--scope', 'act');
  tokens.open = await makeToken(folder, 'limited', '--scope', 'act', '--hosts', 'open-*');
  server = await startServer(folder, '--rate', '5000');
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The job's end. */
async function jobEnd(id: unknown, token = tokens.act): Promise<Answered['body']> {
  for (;;) {
    const { body } = await get(`/v1/jobs/${String(id)}`, token);
    if (body.state !== 'running') return body;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('who may ask', () => {
  test('the dashboard’s page is open to everybody, and runs only what this server sends', async () => {
    for (const [path, type] of [
      ['/', 'text/html; charset=utf-8'],
      ['/dashboard/app.js', 'text/javascript; charset=utf-8'],
      ['/dashboard/app.css', 'text/css; charset=utf-8'],
    ] as const) {
      const { status, headers, text } = await askAt(server.socket, 'GET', path);
      expect([path, status, headers['content-type']]).toEqual([path, 200, type]);
      expect(headers['content-security-policy']).toMatch(
        /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; .*frame-ancestors 'none'$/,
      );
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(text).not.toMatch(/shop|open-1|anna/);
    }
    for (const path of ['/dashboard/', '/dashboard/../package.json', '/dashboard/index.html'])
      expect([path, (await askAt(server.socket, 'GET', path)).status]).toEqual([path, 401]);
  });

  test('the socket is its user’s, and only /health and the page need no token', async () => {
    expect(statSync(server.socket).mode & 0o777).toBe(0o600);
    expect(await askAt(server.socket, 'GET', '/health')).toMatchObject({
      status: 200,
      body: { ok: true },
    });
    for (const path of ['/v1/status', '/metrics', '/events', '/v1/openapi.json', '/v1/nothing'])
      expect([path, (await askAt(server.socket, 'GET', path)).status]).toEqual([path, 401]);
  });

  test('a wrong token is refused in the same words, whatever is wrong with it', async () => {
    const [, id] = tokens.look.split('_');
    const wrong = [
      'x',
      `fleet_${id}_${'A'.repeat(43)}`,
      `fleet_${'0'.repeat(16)}_${'A'.repeat(43)}`,
    ];
    const said = await Promise.all(wrong.map((token) => get('/v1/status', token)));
    expect(new Set(said.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(said[0]).toMatchObject({
      status: 401,
      body: { code: 'token', type: 'urn:fleet:problem:token' },
    });
    expect(said[0]?.headers['content-type']).toContain('application/problem+json');
    expect(said[0]?.headers['www-authenticate']).toContain('Bearer');
  });

  test('a revoked and an expired token end at once', async () => {
    const revoked = await makeToken(folder, 'gone');
    expect((await get('/v1/version', revoked)).status).toBe(200);
    await fleet('token', 'revoke', 'gone');
    expect((await get('/v1/version', revoked)).status).toBe(401);
    const expired = await makeToken(folder, 'old');
    const ledger = await openLedger(join(folder, 'fleet.db'));
    await ledger.db
      .updateTable('api_tokens')
      .set({ expires_at: 1 })
      .where('name', '=', 'old')
      .execute();
    await ledger.close();
    expect(await get('/v1/version', expired)).toMatchObject({
      status: 401,
      body: { detail: 'This token has expired.' },
    });
  });

  test('a token does no more than its scope', async () => {
    const cordon = { hosts: ['open-1'] };
    expect(await post('/v1/hosts/cordon', cordon, tokens.look)).toMatchObject({
      status: 403,
      body: { code: 'scope' },
    });
    const { status, body } = await post('/v1/hosts/cordon', cordon, tokens.plan);
    expect(status).toBe(200);
    expect(await post(String(body.apply), {}, tokens.plan)).toMatchObject({
      status: 403,
      body: { code: 'scope' },
    });
  });
});

describe('looks', () => {
  test('say what the command says', async () => {
    const { stdout } = await fleet('status', '--json');
    const { body } = await get('/v1/status');
    const { next, ...said } = body;
    expect(next).toBeNull();
    expect(said).toEqual(JSON.parse(stdout));
    expect((await get('/api/v1/status')).body).toEqual(body);
  });

  test('lists come in pages', async () => {
    const first = await get('/v1/hosts/list?page=2');
    expect((first.body.hosts as unknown[]).length).toBe(2);
    const rest = await get(`/v1/hosts/list?page=2&cursor=${String(first.body.next)}`);
    expect(rest.body).toMatchObject({ hosts: [{ name: 'veiled-1' }], next: null });
    expect(await get('/v1/hosts/list?cursor=nonsense')).toMatchObject({
      status: 400,
      body: { code: 'cursor' },
    });
    expect(await get('/v1/hosts/list?page=0')).toMatchObject({
      status: 400,
      body: { code: 'cursor' },
    });
  });

  test('a change by another command is seen by who asks anew, however slow this machine is', async () => {
    await get('/v1/hosts/show?host=open-2');
    await fleet('hosts', 'cordon', 'open-2', '--reason', 'a test');
    const anew = { 'cache-control': 'no-cache' };
    const { text, headers } = await get('/v1/hosts/show?host=open-2', tokens.look, anew);
    expect(text).toContain('a test');
    expect(Number(headers.age)).toBeGreaterThanOrEqual(0);
    await fleet('hosts', 'uncordon', 'open-2');
  });

  test('all mistakes of an input at once, with the names of the fields', async () => {
    const { status, body } = await get('/v1/events?lines=-1&surprise=1');
    expect([status, body.code, body.problems]).toEqual([
      ...[
        400,
        'usage',
        expect.arrayContaining([
          expect.stringContaining('surprise'),
          expect.stringContaining('lines'),
        ]),
      ],
    ]);
    expect(await get('/v1/why?account=nobody')).toMatchObject({
      status: 400,
      body: { code: 'usage' },
    });
    expect(await get('/v1/report?output=/etc/passwd')).toMatchObject({ status: 400 });
    expect(await get('/v1/hosts/cordon')).toMatchObject({
      status: 405,
      headers: { allow: 'POST' },
    });
    expect(await get('/v1/exec')).toMatchObject({ status: 404 });
  });

  test('/metrics is Prometheus’ text', async () => {
    const { status, headers, text } = await get('/metrics');
    expect([status, headers['content-type']]).toEqual([200, expect.stringContaining('text/plain')]);
    expect(text).toContain('# TYPE');
  });
});

describe('acts', () => {
  test('a plan changes nothing; applied, it is a job, with who and from where in the history', async () => {
    const plan = await post('/v1/hosts/cordon', { hosts: ['open-1'], reason: 'spindle' });
    expect(plan).toMatchObject({ status: 200, body: { question: null } });
    expect((await get('/v1/hosts/show?host=open-1')).text).not.toContain('spindle');
    const applied = await post(String(plan.body.apply), {});
    expect([applied.status, applied.headers.location]).toEqual([
      202,
      `/v1/jobs/${String(applied.body.job)}`,
    ]);
    expect(await jobEnd(applied.body.job)).toMatchObject({
      state: 'done',
      result: { cordoned: ['open-1'] },
    });
    expect((await get('/v1/hosts/show?host=open-1')).text).toContain('spindle');
    const { body } = await get('/v1/events?lines=1');
    expect(body.events).toEqual([
      expect.objectContaining({
        kind: 'api-act',
        text: expect.stringMatching(/^token ci from a unix socket: fleet hosts cordon/),
      }),
    ]);
    // Once.
    expect(await post(String(plan.body.apply), {})).toMatchObject({
      status: 409,
      body: { code: 'plan-stale' },
    });
  });

  test('what was planned before the world changed is refused, and nothing is done', async () => {
    const plan = await post('/v1/hosts/cordon', { hosts: ['open-2'], reason: 'stale' });
    await fleet('hosts', 'cordon', 'veiled-1');
    expect(await post(String(plan.body.apply), {})).toMatchObject({
      status: 409,
      body: { code: 'plan-stale' },
    });
    await fleet('hosts', 'uncordon', 'veiled-1');
    expect((await get('/v1/hosts/show?host=open-2')).text).not.toContain('stale');
    // The world is again what it was: so is the plan.
    expect((await post(String(plan.body.apply), {})).status).toBe(202);
  });

  test('a command that holds the ledger is a conflict, and the plan stays good', async () => {
    const plan = await post('/v1/hosts/uncordon', { hosts: ['open-2'] });
    const ledger = await openLedger(join(folder, 'fleet.db'));
    const lock = {
      name: 'fleet',
      owner_host: 'elsewhere',
      owner_pid: 1,
      token: 'sweep x',
      expires_at: Date.now() + 60_000,
    };
    await ledger.db.insertInto('lock').values(lock).execute();
    const { status, body } = await post(String(plan.body.apply), {});
    await ledger.db.deleteFrom('lock').execute();
    await ledger.close();
    expect([status, body.code]).toEqual([409, 'lock-held']);
    expect((await post(String(plan.body.apply), {})).status).toBe(202);
  });

  test('the same key is the same answer, also from the next server; for another body it is refused', async () => {
    const key = { 'idempotency-key': 'k-1' };
    const plan = await post('/v1/hosts/cordon', { hosts: ['open-2'] }, tokens.act, key);
    expect((await post('/v1/hosts/cordon', { hosts: ['open-2'] }, tokens.act, key)).text).toBe(
      plan.text,
    );
    expect(await post('/v1/hosts/cordon', { hosts: ['open-1'] }, tokens.act, key)).toMatchObject({
      ...{ status: 422, body: { code: 'idempotency' } },
    });
    // Another token's keys are its own.
    expect((await post('/v1/hosts/cordon', { hosts: ['open-1'] }, tokens.plan, key)).status).toBe(
      200,
    );
    const once = { 'idempotency-key': 'k-2' };
    const applied = await post(String(plan.body.apply), {}, tokens.act, once);
    await jobEnd(applied.body.job);
    expect(await server.stop()).toBe(0);
    server = await startServer(folder, '--rate', '5000');
    const again = await post(String(plan.body.apply), {}, tokens.act, once);
    expect([again.status, again.text]).toEqual([202, applied.text]);
    expect(again.headers['idempotency-replayed']).toBe('true');
  });

  test('bodies that are too large, no JSON or of another type are refused', async () => {
    const large = { hosts: ['x'.repeat(300_000)] };
    expect(await post('/v1/hosts/cordon', large)).toMatchObject({
      status: 413,
      body: { code: 'too-large' },
    });
    expect(await post('/v1/hosts/cordon', '{"hosts":')).toMatchObject({
      status: 400,
      body: { code: 'usage' },
    });
    expect(await post('/v1/hosts/cordon', '{"__proto__":{"x":1}}')).toMatchObject({ status: 400 });
    const typed = { 'content-type': 'text/plain' };
    expect(await post('/v1/hosts/cordon', 'x', tokens.act, typed)).toMatchObject({ status: 415 });
    expect(await post('/v1/hosts/cordon', '[]')).toMatchObject({ status: 400 });
  });

  test('a job whose server died is said to be unknown, with the moves that are open', async () => {
    const ledger = await openLedger(join(folder, 'fleet.db'));
    await ledger.db
      .insertInto('api_jobs')
      .values({
        ...{ id: 'lost', token: 'x', verb: 'move', caller: 'token ci', state: 'running' },
        ...{ owner: `${(await import('node:os')).hostname()} 999999 1`, begun_at: 1 },
      })
      .execute();
    const move = {
      id: 'mv',
      account: 'anna',
      key_id: 'k',
      kind: 'manual',
      from_host: 'open-1',
    } as const;
    await ledger.db
      .insertInto('moves')
      .values({
        ...move,
        to_host: 'open-2',
        epoch: 2,
        phase: 'staged',
        decision_json: '{}',
        created_at: 1,
        updated_at: 1,
      })
      .execute();
    expect((await get('/v1/jobs/lost')).body).toMatchObject({
      ...{
        state: 'unknown',
        openMoves: [{ account: 'anna', endedBy: expect.stringContaining('fleet') }],
      },
    });
    await ledger.db.deleteFrom('moves').execute();
    await ledger.close();
    expect((await get('/v1/jobs/none')).status).toBe(404);
  });
});

describe('a token that is limited to hosts', () => {
  const offers = offersOf(verbs);
  /** What makes the input whole. */
  const words = (host: string, account: string): Readonly<Record<string, string>> => ({
    ...{ host, account, hosts: host, accounts: account, name: host, subject: account, old: host },
    ...{ new: 'other', pattern: `*/${host}`, id: '1', alert: `x/${host}`, rule: 'host-down' },
    ...{ script: 'x', chat: '1', text: 'hello', command: 'status' },
  });
  const inputOf = (fields: object, host: string, account: string) =>
    Object.fromEntries(
      Object.entries(words(host, account)).filter(([name]) => Object.hasOwn(fields, name)),
    );

  // What asks every host over SSH and takes seconds is tried by one of its kind.
  const looks = offers.filter(
    ({ scope, verb }) => scope === 'look' && !['check', 'doctor', 'top'].includes(verb.name),
  );
  test.each(looks.map((offer) => [offer.route.path, offer] as const))(
    'GET %s says no word about others',
    async (path, { fields }) => {
      for (const [host, account] of [
        ['open-1', 'anna'],
        ['veiled-1', 'zorro'],
      ] as const) {
        const query = new URLSearchParams(inputOf(fields, host, account)).toString();
        for (const asked of [`${path}?${query}`, path]) {
          const { text, status, body } = await get(asked, tokens.open);
          expect(text).not.toMatch(veiled);
          expect([status, body.code]).not.toEqual([500, 'bug']);
        }
      }
    },
  );

  const acts = offers.filter(({ scope }) => scope !== 'look');
  test.each(acts.map((offer) => [offer.route.path, offer] as const))(
    'POST %s does nothing to others',
    async (path, { fields }) => {
      const many = (input: Readonly<Record<string, string>>) =>
        Object.fromEntries(
          Object.entries(input).map(([name, value]) => [
            name,
            Reflect.get(fields, name)?.isMany ? [value] : value,
          ]),
        );
      const { status, text, body } = await post(
        path,
        many(inputOf(fields, 'veiled-1', 'zorro')),
        tokens.open,
      );
      expect([path, status]).toEqual([path, 400]);
      expect(text).not.toMatch(veiled);
      expect(body.planId).toBeUndefined();
      expect((await post(path, {}, tokens.open)).status).toBe(400);
      const all = await post(path, many(inputOf(fields, 'open-1', 'anna')), tokens.open);
      expect(all.text).not.toMatch(veiled);
    },
  );

  test('a plan of somebody else’s about others is not carried out, and jobs of others are not shown', async () => {
    const plan = await post('/v1/hosts/cordon', { hosts: ['veiled-1'] });
    const { status, text } = await post(String(plan.body.apply), {}, tokens.open);
    expect(status).toBe(400);
    expect(text).not.toMatch(veiled);
    const applied = await post(String(plan.body.apply), {});
    await jobEnd(applied.body.job);
    expect((await get('/v1/jobs', tokens.open)).text).not.toMatch(veiled);
    expect((await get(`/v1/jobs/${String(applied.body.job)}`, tokens.open)).status).toBe(404);
    expect((await get('/v1/status?limit=veiled-1', tokens.open)).status).toBe(400);
  });
});

describe('a session that is uploaded', () => {
  const bytes = Buffer.from(sessionString);
  const upload = (name: string, token = tokens.act, body: Buffer = bytes) =>
    askAt(server.socket, 'POST', `/v1/sessions?name=${name}`, {
      ...{ token, body, headers: { 'content-type': 'application/octet-stream' } },
    });

  test('comes into the vault, encrypted, and is nowhere else', async () => {
    const { status, body } = await upload('uploaded');
    expect(status).toBe(202);
    const end = await jobEnd(body.job);
    expect(end).toMatchObject({
      ...{ state: 'done', result: { files: [{ account: 'uploaded', result: 'imported' }] } },
    });
    const again = await jobEnd((await upload('uploaded')).body.job);
    expect(again).toMatchObject({ result: { files: [{ result: 'known' }] } });
    expect((await get('/v1/accounts/show?account=uploaded')).status).toBe(200);
    const kept = filesBelow(folder).map((path) => readFileSync(path).toString('latin1'));
    expect(Buffer.from(sessionString, 'base64url').includes(sessionKey)).toBe(true);
    const forms = (['latin1', 'hex', 'base64', 'base64url'] as const).map((form) =>
      sessionKey.toString(form),
    );
    const canaries = [sessionString, ...forms];
    for (const text of [...kept, server.log(), JSON.stringify(end)])
      expect(canaries.filter((canary) => text.includes(canary))).toEqual([]);
  });

  test('that is none is refused by its job, and who may not upload is not listened to', async () => {
    const { body } = await upload('nonsense', tokens.act, Buffer.from('no session at all'));
    expect(await jobEnd(body.job)).toMatchObject({
      ...{
        state: 'failed',
        result: { files: [{ result: 'refused' }], errors: [{ code: 'session-file' }] },
      },
    });
    expect((await upload('x', tokens.plan)).status).toBe(403);
    expect((await upload('x', tokens.open)).status).toBe(403);
    expect((await post('/v1/sessions?name=x', { a: 1 })).status).toBe(415);
    const octets = { 'content-type': 'application/octet-stream' };
    expect((await post('/v1/hosts/cordon', 'x', tokens.act, octets)).status).toBe(415);
    const large = Buffer.alloc(17 * 1024 * 1024);
    const answer = await upload('x', tokens.act, large).catch(() => null);
    // The server may hang up before all of it was sent.
    expect([413, undefined]).toContain(answer?.status);
  });
});

test('the paths of allocation services lead to the same verbs', async () => {
  const base = '/api/v1/group-ai/allocation';
  const unfresh = ({ body }: Answered) => body;
  expect(unfresh(await get(`${base}/rankings`))).toEqual(unfresh(await get('/v1/rankings')));
  expect((await get('/api/v1/nodes')).body.hosts).toEqual((await get('/v1/hosts/list')).body.hosts);
  expect((await get('/api/v1/nodes/open-1')).body.command).toBe('hosts show');
  const rebalance = await post(`${base}/rebalance`, { threshold: 30.0, max_migrations: 10 });
  expect(rebalance).toMatchObject({ status: 200, body: { command: 'rebalance', planId: null } });
  const unknown = await post(`${base}/allocate`, {
    account_id: 'nobody',
    strategy: 'load_balance',
  });
  expect([unknown.status, unknown.body.detail]).toEqual([400, expect.stringContaining('nobody')]);
  const path = await post(`${base}/allocate`, { account_id: 'anna', session_file: '/etc/passwd' });
  expect([path.status, path.body.hint]).toEqual([400, expect.stringContaining('/v1/sessions')]);
});

test('1,000 clients at once are all answered', async () => {
  const paths = Array.from({ length: 1_000 }, (_, index) =>
    index % 5 === 0 ? '/v1/status' : '/health',
  );
  const answers = await Promise.all(paths.map((path) => get(path)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
});

test('no token is in the ledger, in the log, or in what commands say', async () => {
  const ledger = ['fleet.db', 'fleet.db-wal'].map((name) => {
    try {
      return readFileSync(join(folder, name), 'latin1');
    } catch {
      return '';
    }
  });
  const { stdout } = await fleet('token', 'list', '--json');
  for (const token of Object.values(tokens)) {
    const secret = token.slice(-43);
    expect(secret.length).toBeGreaterThan(20);
    for (const text of [...ledger, server.log(), stdout]) expect(text.includes(secret)).toBe(false);
  }
});

test('the examples of docs/api.md work as they stand there', async () => {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'api.md'), 'utf8');
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  expect(blocks.length).toBeGreaterThan(4);
  // The ledger of this test has other names, and a token that is called ci.
  const own = blocks.join('').replaceAll('web-', 'open-').replace('token add ci', 'token add docs');
  const bin = join(program, '..');
  const { code, stdout, stderr } = await tryCommand(['sh', '-eu', '-c', own], {
    ...{ cwd: folder, env: { HOME: folder, PATH: `${bin}:${process.env.PATH ?? ''}` } },
  });
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('problem')]);
  expect(stdout).toContain('"command":"status"');
  expect(stdout).toMatch(/"verb":"hosts cordon","state":"(?:running|done)"/);
});
