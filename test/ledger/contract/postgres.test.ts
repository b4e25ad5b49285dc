import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { findChainFault, readChainHead } from '../../../src/ledger/history-chain.ts';
import { type Ledger, openLedger } from '../../../src/ledger/ledger.ts';
import { migrations } from '../../../src/ledger/migrations/all.ts';
import { findAccount, insertAccount } from '../../../src/ledger/queries/accounts.ts';
import { changeAccountState, readEvents } from '../../../src/ledger/queries/events.ts';
import { ensureHosts, listHosts, setCordon } from '../../../src/ledger/queries/hosts.ts';
import { advanceMove, findMove, insertMove } from '../../../src/ledger/queries/moves.ts';
import { recordHistory, recordSample } from '../../../src/ledger/queries/records.ts';
import { beginRun } from '../../../src/ledger/queries/runs.ts';
import { asideOf, putLedger } from '../../../src/ledger/replace-ledger.ts';
import { FleetError } from '../../../src/model/errors.ts';
import type { PostgresPlace } from '../../../src/model/ledger-place.ts';
import { type CuttingProxy, cuttingProxy } from './cutting-proxy.ts';
import { type Cluster, startCluster } from './postgres-cluster.ts';

let cluster: Cluster;
let count = 0;
beforeAll(async () => {
  cluster = await startCluster();
}, 120_000);
afterAll(() => cluster.stop(), 60_000);

const access = (place: PostgresPlace, password: string | null = null) => ({
  place,
  readPassword: async () => password,
});

async function newPlace(): Promise<PostgresPlace> {
  count += 1;
  return cluster.database(`db${count}`);
}

async function opened(place: PostgresPlace): Promise<Ledger> {
  const ledger = await openLedger(access(place));
  onTestFinished(() => ledger.close());
  return ledger;
}

/** What an operator is told. */
async function refusal(act: Promise<unknown>, ledger?: Ledger): Promise<FleetError> {
  const cause = await act.then(
    () => null,
    (error: unknown) => ledger?.useError(error) ?? error,
  );
  if (!(cause instanceof FleetError)) throw new Error('no refusal', { cause });
  expect(cause.hint).not.toBe('');
  return cause;
}

const account = (name: string) => ({
  ...{ name, key_id: `key-${name}`, user_id: null, data_centre: 2, is_bot: 0 },
  ...{ source_format: 'pyrogram', vault_hash: 'h', imported_at: 1 },
});

async function withMove({ db }: Ledger, id: string): Promise<void> {
  await insertAccount(db, account(id));
  await insertMove(db, {
    ...{ id, account: id, key_id: `key-${id}`, kind: 'initial', from_host: null, to_host: 'h1' },
    ...{ epoch: 1, decision_json: '{}', created_at: 5 },
  });
}

/** A run with a serial, a transaction, and an entry that stands alone: as commands have them. */
async function act(ledger: Ledger, id: string): Promise<void> {
  await beginRun(ledger, 'test', 5);
  await ledger.db.transaction().execute(async (db) => {
    const move = await findMove(db, id);
    if (move === undefined) throw new Error('no move');
    await advanceMove(db, move, 'staged', 6);
    await changeAccountState(db, { account: id, host: 'h1', state: 'held', reason: 'r' }, 6);
  });
  await recordHistory(ledger.db, {
    ...{ at: 7, account: id, host: 'h1', from_host: null, type: 'initial', score: 1 },
    ...{ strategy: 'load', reason: 'r', move_id: id, decision_json: '{}' },
  });
}

describe('a connection that is lost', () => {
  it('at any statement leaves all of a transaction or nothing; the same again ends it once', async () => {
    const place = await newPlace();
    const direct = await opened(place);
    await ensureHosts(direct.db, ['h1']);
    const proxy = await cuttingProxy(place);
    onTestFinished(() => proxy.close());
    const states = new Set<string>();
    const tryCut = async (id: string, at: number, isHeard: boolean): Promise<number> => {
      await withMove(direct, id);
      const ledger = await openLedger(access(proxy.place));
      try {
        proxy.plan({ at, isHeard });
        const error = await act(ledger, id).then(
          () => null,
          (cause: unknown) => ledger.useError(cause),
        );
        if (error === null) return proxy.statements();
        if (!(error instanceof FleetError)) throw error;
        expect(error.code).toBe('ledger-unreachable');
        expect(error.hint).toContain('run this again');
        // What was heard may be on its way still: all of it is looked at in one moment.
        const state = await direct.snapshot(async (db) => {
          const [move, row] = [await findMove(db, id), await findAccount(db, id)];
          const told = (await readEvents(db, 500)).filter(
            (event) => event.kind === 'account-held' && event.account === id,
          ).length;
          return `${move?.phase} ${row?.state} ${told}`;
        });
        expect(['planned stored 0', 'staged held 1']).toContain(state);
        states.add(`${state} ${isHeard}`);
        // The same program goes on, over a new connection.
        await act(ledger, id);
      } finally {
        await ledger.close();
      }
      expect(await findMove(direct.db, id)).toMatchObject({ phase: 'staged' });
      return proxy.statements();
    };
    const all = await tryCut('whole', Number.POSITIVE_INFINITY, true);
    expect(all).toBeGreaterThan(10);
    for (let at = 1; at <= all; at += 1)
      for (const isHeard of [false, true]) await tryCut(`a${at}${isHeard}`, at, isHeard);
    // Both ends were met: nothing of it, and all of it although nobody was told.
    expect([...states]).toEqual(
      expect.arrayContaining(['planned stored 0 false', 'staged held 1 true']),
    );
    const events = await readEvents(direct.db, 500);
    expect(events.filter(({ kind }) => kind === 'account-held')).toHaveLength(2 * all + 1);
    const runs = await direct.db.selectFrom('runs').select('serial').orderBy('serial').execute();
    expect(runs.map(({ serial }) => serial)).toEqual(runs.map((_, index) => index + 1));
    expect(await findChainFault(direct.db)).toBeNull();
  }, 120_000);

  it('because the server was killed is named; when it is back the same program goes on', async () => {
    const place = await newPlace();
    const ledger = await opened(place);
    await ensureHosts(ledger.db, ['h1']);
    await cluster.kill();
    try {
      const error = await refusal(setCordon(ledger.db, 'h1', 'x'), ledger);
      expect(error.code).toBe('ledger-unreachable');
      expect((await refusal(openLedger(access(place)))).code).toBe('ledger-unreachable');
    } finally {
      await cluster.start();
    }
    await setCordon(ledger.db, 'h1', 'x');
    expect((await listHosts(ledger.db))[0]?.cordoned).toBe(1);
  }, 120_000);
});

describe('programs that race', () => {
  it('take every serial once, one lock at a time, and write one history', async () => {
    const place = await newPlace();
    const ledger = await opened(place);
    await ensureHosts(ledger.db, ['h1']);
    await withMove(ledger, 'm');
    const racers = Array.from({ length: 8 }, (_, index) => race(place, index));
    const ended = await Promise.all(racers);
    expect(ended.map(({ said }) => said)).toEqual(ended.map(() => ''));
    const turns = ended.flatMap(({ turns: own }) => own);
    expect(turns).toHaveLength(8 * 5);
    const serials = turns.map(({ serial }) => serial).sort((a, b) => a - b);
    expect(serials).toEqual(serials.map((_, index) => index + 1));
    // Whoever had the lock was alone: turns do not overlap, by the server's own order of events.
    const order = await ledger.db
      .selectFrom('events')
      .select('text')
      .where('kind', '=', 'race')
      .orderBy('id')
      .execute();
    for (let at = 0; at < order.length; at += 2)
      expect(order[at + 1]?.text).toBe(order[at]?.text.replace('begin', 'end'));
    // Of those that all wanted to journal the same phase from the same one, one did.
    expect(ended.filter(({ isFirst }) => isFirst)).toHaveLength(1);
    expect(await findChainFault(ledger.db)).toBeNull();
  }, 120_000);
});

interface Raced {
  readonly said: string;
  readonly turns: readonly { readonly serial: number }[];
  readonly isFirst: boolean;
}

async function race(place: PostgresPlace, index: number): Promise<Raced> {
  const program = new URL('racer.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [program, JSON.stringify(place), String(index)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, said] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    said += String(chunk)
      .replace(/^.*(?:ExperimentalWarning|--trace-warnings).*$/gm, '')
      .trim();
  });
  await new Promise((resolve) => child.once('close', resolve));
  const { turns, isFirst } = JSON.parse(out || '{"turns":[],"isFirst":false}') as Raced;
  return { said, turns, isFirst };
}

describe('a server', () => {
  it('that only reads is looked at; whoever wants to change something is told', async () => {
    const place = await newPlace();
    const ledger = await openLedger(access(place));
    await ensureHosts(ledger.db, ['h1']);
    await ledger.close();
    await cluster.standBy(true);
    try {
      const look = await openLedger(access(place));
      expect((await listHosts(look.db)).map(({ name }) => name)).toEqual(['h1']);
      expect((await refusal(setCordon(look.db, 'h1', 'x'), look)).code).toBe('ledger-readonly');
      expect((await refusal(beginRun(look, 'x', 1), look)).message).toContain('takes no changes');
      await look.close();
    } finally {
      await cluster.standBy(false);
    }
  }, 120_000);

  it('that is too old, or encodes otherwise, is named before anything is made in it', async () => {
    const proxy: CuttingProxy = await cuttingProxy(await newPlace());
    onTestFinished(() => proxy.close());
    proxy.rewrite((text) => text.replace(/\b1[3-9]00\d\d\b/g, '120022'));
    const old = await refusal(openLedger(access(proxy.place)));
    expect([old.code, old.hint]).toEqual([
      'ledger-unsupported',
      'fleet needs PostgreSQL 13 or newer',
    ]);
    count += 1;
    const name = `db${count}`;
    await cluster.run(
      'postgres',
      `CREATE DATABASE ${name} TEMPLATE template0 ENCODING SQL_ASCII LC_COLLATE 'C' LC_CTYPE 'C'`,
    );
    const other = await refusal(openLedger(access({ ...(await newPlace()), database: name })));
    expect(other.code).toBe('ledger-unsupported');
  });

  it('that has written the ledger with a newer release stops an older one, also in the middle', async () => {
    const place = await newPlace();
    const old = await openLedger(access(place), migrations.slice(0, -1));
    onTestFinished(() => old.close());
    await setCordon(old.db, 'h1', 'x');
    await (await openLedger(access(place))).close();
    expect((await refusal(setCordon(old.db, 'h1', 'x'), old)).code).toBe('ledger-newer');
    const again = openLedger(access(place), migrations.slice(0, -1));
    expect((await refusal(again)).code).toBe('ledger-newer');
  });

  it.skipIf(process.getuid?.() !== 0)(
    'that has no room left says so, and goes on with room',
    async () => {
      const small = mkdtempSync(join(tmpdir(), 'fleet-small-'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m,mode=777', 'tmpfs', small]);
      count += 1;
      const name = `db${count}`;
      try {
        execFileSync('chown', ['postgres', small]);
        await cluster.run('postgres', `CREATE TABLESPACE small LOCATION '${small}'`);
        await cluster.run(
          'postgres',
          `CREATE DATABASE ${name} TEMPLATE template0 TABLESPACE small`,
        );
        const ledger = await openLedger(access({ ...(await newPlace()), database: name }));
        await ensureHosts(ledger.db, ['h1']);
        const fill = async (): Promise<void> => {
          for (let at = 0; at < 400; at += 1)
            await recordSample(ledger.db, 'h1', at, JSON.stringify({ at, x: noise() }));
        };
        const error = await refusal(fill(), ledger);
        expect(error.code).toBe('ledger-readonly');
        expect(error.message).toContain('no room left');
        await ledger.db.deleteFrom('samples').execute();
        expect(await findChainFault(ledger.db)).toBeNull();
        await ledger.close();
        await cluster.run('postgres', `DROP DATABASE ${name}`, 'DROP TABLESPACE small');
      } finally {
        execFileSync('umount', ['-l', small]);
        rmSync(small, { recursive: true, force: true });
      }
    },
    60_000,
  );

  it('whose clock is another one dates nothing', async () => {
    const ledger = await opened(await newPlace());
    expect(Math.abs(await ledger.clockAheadMs())).toBeLessThan(30_000);
    const ahead = { ...ledger, clockAheadMs: async () => 90_000 };
    const error = await refusal(beginRun(ahead, 'x', 1));
    expect([error.code, error.message]).toEqual([
      'this-machine',
      expect.stringContaining('clock is 90 s ahead of'),
    ]);
  });
});

const noise = (): string =>
  Array.from({ length: 6_000 }, () => Math.random().toString(36).slice(2, 12)).join('');

describe('the way to a server', () => {
  it('is trusted by certificate and name, and asks for the password', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fleet-tls-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const [key, crt] = [join(folder, 'server.key'), join(folder, 'server.crt')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject];
    execFileSync('openssl', [...made, '-keyout', key, '-out', crt], { stdio: 'ignore' });
    const port = 20_000 + (process.pid % 20_000);
    const tls = await startCluster({
      port,
      settings: ['ssl = on'],
      access: ['local all all trust', 'hostssl all all 127.0.0.1/32 scram-sha-256'],
      files: { 'server.key': key, 'server.crt': crt },
    });
    try {
      await tls.database('main');
      await tls.run('postgres', "ALTER USER fleet PASSWORD 'right'");
      const place: PostgresPlace = {
        ...{ kind: 'postgres', host: 'localhost', port, user: 'fleet', database: 'main' },
        ...{ password: null, caPath: crt, isPlain: false },
      };
      await (await openLedger(access(place, 'right'))).close();
      const says = async (other: Partial<PostgresPlace>, password: string | null = 'right') => {
        const { code, message } = await refusal(
          openLedger(access({ ...place, ...other }, password)),
        );
        expect(message).not.toMatch(/right|wrong-one/);
        return `${code} ${message}`;
      };
      expect(await says({}, 'wrong-one')).toMatch(/^ledger-denied .*the server refuses/);
      expect(await says({ caPath: null })).toMatch(/^ledger-denied .*certificate.*not trusted/);
      expect(await says({ host: '127.0.0.1' })).toMatch(/^ledger-denied .*not trusted/);
      expect(await says({ isPlain: true })).toMatch(/^ledger-denied .*the server refuses/);
      expect(await says({ database: 'absent' })).toMatch(/^ledger-denied /);
      expect(await says({ port: port + 1 })).toMatch(/^ledger-unreachable /);
      expect(await says({ host: 'no.such.host.invalid' })).toMatch(/^ledger-unreachable /);
    } finally {
      await tls.stop();
    }
  }, 120_000);
});

describe('a copy', () => {
  it('is a file with every row and the same history, and takes the place of a ledger in a server', async () => {
    const place = await newPlace();
    const ledger = await opened(place);
    await ensureHosts(ledger.db, ['h1', 'h2']);
    await withMove(ledger, 'a');
    await act(ledger, 'a');
    const folder = mkdtempSync(join(tmpdir(), 'fleet-copy-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'copy.db');
    await ledger.copyTo(path);
    const file = new Database(path, { readonly: true });
    expect(file.prepare('select count(*) as n from moves').get()).toEqual({ n: 1 });
    file.close();
    const head = await readChainHead(ledger.db);
    await withMove(ledger, 'later');
    await act(ledger, 'later');
    const where = access(place);
    const aside = asideOf(where, '20261130T210000Z');
    await putLedger(where, path, aside);
    // The same connection finds the other ledger, and goes on with it.
    expect(await readChainHead(ledger.db)).toEqual(head);
    expect(await findMove(ledger.db, 'later')).toBeUndefined();
    expect((await openLedgerAuthority(place)) === ledger.authorityId).toBe(true);
    await withMove(ledger, 'other');
    await act(ledger, 'other');
    expect(await findChainFault(ledger.db)).toBeNull();
    const kept = await cluster.run(place.database, `SELECT count(*)::int AS n FROM ${aside}.moves`);
    expect(kept).toEqual([{ n: 2 }]);
    expect(await ledger.isSound()).toBe(true);
  });
});

async function openLedgerAuthority(place: PostgresPlace): Promise<string> {
  const ledger = await openLedger(access(place));
  await ledger.close();
  return ledger.authorityId;
}
