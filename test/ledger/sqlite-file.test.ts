import { mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';
import { migrations } from '../../src/ledger/migrations/all.ts';
import { highestEpoch, listAccounts } from '../../src/ledger/queries/accounts.ts';
import { readEvents } from '../../src/ledger/queries/events.ts';
import { listHosts, recordSeen } from '../../src/ledger/queries/hosts.ts';
import { findMove } from '../../src/ledger/queries/moves.ts';
import { latestSamples, readHistory } from '../../src/ledger/queries/records.ts';
import { lastSerial } from '../../src/ledger/queries/staleness.ts';
import { FleetError } from '../../src/model/errors.ts';

const scratch = () => join(mkdtempSync(join(tmpdir(), 'fleet-ledger-')), 'fleet.db');

/** A row in every table of the first version. */
const oldContent = [
  "insert into hosts (name, cordoned, failures) values ('h1', 1, 0)",
  `insert into accounts (name, key_id, user_id, data_centre, is_bot, source_format, vault_hash, imported_at, state, state_reason, state_since, wanted)
    values ('alice', 'k', '77', 2, 0, 'pyrogram', 'h', 1000, 'online', '', 2000, 1)`,
  "insert into epochs (key_id, epoch) values ('k', 3)",
  "insert into placements (account, host, epoch, move_id, since) values ('alice', 'h1', 3, 'm', 7)",
  `insert into moves (id, account, key_id, kind, from_host, to_host, epoch, phase, decision_json, problem, created_at, updated_at)
    values ('m', 'alice', 'k', 'manual', 'h1', 'h2', 4, 'staged', '{}', 'slow', 5, 6)`,
  `insert into history (at, account, host, from_host, type, score, strategy, reason, move_id, decision_json)
    values (7, 'alice', 'h1', null, 'initial', 12.5, 'load', 'lowest', 'l', '{}')`,
  "insert into samples (host, taken_at, sample_json) values ('h1', 8, '{}')",
  "insert into events (at, kind, host, account, text) values (9, 'host', 'h1', null, " +
    "'something happened')",
  "insert into runs (serial, nonce, command, started_at) values (41, 'n', 'allocate', 5)",
];

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'opened',
    (error: unknown) => (error instanceof FleetError ? error.code : String(error)),
  );

describe('the file', () => {
  it('is created private, keeps its authority, and makes every commit durable', async () => {
    const path = scratch();
    const first = await openLedger(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const synchronous = await sql<{ synchronous: number }>`PRAGMA synchronous`.execute(first.db);
    expect(synchronous.rows[0]?.synchronous).toBe(2);
    await first.close();
    const second = await openLedger(path);
    expect(second.authorityId).toBe(first.authorityId);
    await second.close();
  });

  it.each(migrations.slice(1).map((_, index) => index + 1))(
    'upgrades a populated file of version %i and keeps a copy from before',
    async (version) => {
      const path = scratch();
      const old = await openLedger(path, migrations.slice(0, version));
      // As that version's fleet wrote it: by columns that every version has.
      for (const statement of oldContent) await sql.raw(statement).execute(old.db);
      await old.close();
      const now = await openLedger(path);
      expect(now.authorityId).toBe(old.authorityId);
      expect(await listAccounts(now.db)).toMatchObject([
        { name: 'alice', host: 'h1', epoch: 3, state: 'online', user_id: '77', pinned_to: null },
      ]);
      expect(await listHosts(now.db)).toMatchObject([
        { name: 'h1', cordoned: 1, health: 'healthy', latency_ms: null, off_at: null },
      ]);
      expect(await findMove(now.db, 'm')).toMatchObject({ phase: 'staged', problem: 'slow' });
      expect(await readHistory(now.db, { limit: 5 })).toMatchObject([
        { account: 'alice', reason: 'lowest' },
      ]);
      expect(await latestSamples(now.db)).toEqual([{ host: 'h1', taken_at: 8, sample_json: '{}' }]);
      expect(await readEvents(now.db, 5)).toMatchObject([
        { kind: 'unread', name: 'host', host: 'h1', sentence: 'something happened' },
      ]);
      expect(await highestEpoch(now.db, 'k')).toBe(3);
      expect(await lastSerial(now.db)).toBe(41);
      await recordSeen(now.db, 'h1', 9, { latencyMs: 12.5 });
      expect((await listHosts(now.db))[0]).toMatchObject({ latency_ms: 12.5, last_seen_at: 9 });
      await now.close();
      const copy = `${path}.before-v${migrations.length}`;
      expect(statSync(copy).mode & 0o777).toBe(0o600);
      const kept = new Database(copy, { readonly: true });
      expect(kept.pragma('user_version', { simple: true })).toBe(version);
      expect(kept.prepare('select count(*) as n from placements').get()).toEqual({ n: 1 });
      kept.close();
    },
  );

  it('leaves the old file as it was when an upgrade fails half way', async () => {
    const path = scratch();
    const old = await openLedger(path, migrations.slice(0, 1));
    await old.close();
    const broken = [
      ...migrations.slice(0, 1),
      async (db: Parameters<(typeof migrations)[0]>[0]) => {
        await db.schema.createTable('half').addColumn('x', 'text').execute();
        throw new Error('power loss');
      },
    ];
    expect(await codeOf(openLedger(path, broken))).toBe('Error: power loss');
    const file = new Database(path, { readonly: true });
    expect(file.pragma('user_version', { simple: true })).toBe(1);
    expect(
      file.prepare("select count(*) as n from sqlite_master where name = 'half'").get(),
    ).toEqual({ n: 0 });
    file.close();
  });

  it('says what is wrong with a file that it cannot use', async () => {
    const garbage = scratch();
    writeFileSync(
      garbage,
      'this is not a database, it only looks like a file that has some length'.repeat(30),
    );
    expect(await codeOf(openLedger(garbage))).toBe('ledger-corrupt');

    const newer = scratch();
    await (await openLedger(newer, [...migrations, async () => undefined])).close();
    expect(await codeOf(openLedger(newer))).toBe('ledger-newer');
    expect(readdirSync(join(newer, '..')).filter((name) => name.includes('before'))).toEqual([]);

    const locked = scratch();
    await (await openLedger(locked, migrations.slice(0, 1))).close();
    const other = new Database(locked);
    other.exec('BEGIN EXCLUSIVE');
    expect(await codeOf(openLedger(locked))).toBe('ledger-locked');
    other.close();
  }, 20_000);

  it('names a place where no file can be', async () => {
    const path = scratch();
    writeFileSync(path, '');
    expect(await codeOf(openLedger(join(path, 'below-a-file', 'fleet.db')))).toBe(
      'ledger-readonly',
    );
  });
});
