import { mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import { migrations } from '../../src/ledger/migrations/all.ts';
import {
  deleteAccount,
  highestEpoch,
  insertAccount,
  listAccounts,
  raiseEpoch,
  setAccountState,
  setPlacement,
} from '../../src/ledger/queries/accounts.ts';
import { readEvents } from '../../src/ledger/queries/events.ts';
import {
  ensureHosts,
  listHosts,
  recordContactIntent,
  recordDestroyed,
  recordFailure,
  recordOff,
  recordSeen,
  recordUnreachable,
  setCordon,
} from '../../src/ledger/queries/hosts.ts';
import {
  advanceMove,
  closeMove,
  findMove,
  insertMove,
  listOpenMoves,
  setMoveEpoch,
  turnMove,
} from '../../src/ledger/queries/moves.ts';
import {
  dailySamples,
  latestSamples,
  pruneSamples,
  readHistory,
  recordHistory,
  recordSample,
} from '../../src/ledger/queries/records.ts';
import { lastSerial } from '../../src/ledger/queries/staleness.ts';
import { FleetError } from '../../src/model/errors.ts';

const scratch = () => join(mkdtempSync(join(tmpdir(), 'fleet-ledger-')), 'fleet.db');

const account = (name: string, key = name) => ({
  name,
  key_id: key.padEnd(32, '0'),
  user_id: null,
  data_centre: 2,
  is_bot: 0,
  source_format: 'pyrogram',
  vault_hash: 'h',
  imported_at: 1000,
});

const move = (id: string, name: string) => ({
  id,
  account: name,
  key_id: name.padEnd(32, '0'),
  kind: 'initial' as const,
  from_host: null,
  to_host: 'h1',
  epoch: 1,
  decision_json: '{}',
  created_at: 5,
});

async function withLedger(act: (ledger: Ledger) => Promise<void>): Promise<void> {
  const ledger = await openLedger(scratch());
  try {
    await act(ledger);
  } finally {
    await ledger.close();
  }
}

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

describe('accounts and epochs', () => {
  it('refuses the same key under another name, and a removal while somebody owns the account', () =>
    withLedger(async ({ db }) => {
      await ensureHosts(db, ['h1']);
      await insertAccount(db, account('alice', 'k'));
      await expect(insertAccount(db, account('bob', 'k'))).rejects.toThrow(/UNIQUE/);
      await setPlacement(db, { account: 'alice', host: 'h1', epoch: 1, move_id: 'm', since: 1 });
      await expect(deleteAccount(db, 'alice')).rejects.toThrow(/FOREIGN KEY/);
    }));

  it('never lowers an epoch and never forgets one', () =>
    withLedger(async ({ db }) => {
      await insertAccount(db, account('alice', 'k'));
      for (const [raise, expected] of [
        [3, 3],
        [2, 3],
        [7, 7],
        [7, 7],
      ] as const) {
        await raiseEpoch(db, 'k', raise);
        expect(await highestEpoch(db, 'k')).toBe(expected);
      }
      await deleteAccount(db, 'alice');
      expect(await highestEpoch(db, 'k')).toBe(7);
    }));

  it('moves state_since only when the state changes', () =>
    withLedger(async ({ db }) => {
      await insertAccount(db, account('alice'));
      expect(await setAccountState(db, 'alice', 'online', '', 2000)).toBe(true);
      expect(await setAccountState(db, 'alice', 'online', 'still', 3000)).toBe(false);
      expect(await listAccounts(db)).toMatchObject([
        { state: 'online', state_reason: 'still', state_since: 2000 },
      ]);
    }));
});

describe('moves', () => {
  it('are journaled in order and never backwards', () =>
    withLedger(async ({ db }) => {
      await insertMove(db, move('m1', 'alice'));
      let row = await findMove(db, 'm1');
      if (row === undefined) throw new Error('no row');
      await expect(advanceMove(db, row, 'granted', 6)).rejects.toMatchObject({ code: 'bug' });
      for (const phase of ['staged', 'staged', 'granted', 'done'] as const)
        row = await advanceMove(db, row, phase, 7);
      await expect(advanceMove(db, row, 'aborted', 8)).rejects.toMatchObject({ code: 'bug' });
      expect(await listOpenMoves(db)).toEqual([]);
    }));

  it('are ended once, by who finds them as they were read; another one is told', () =>
    withLedger(async ({ db }) => {
      await insertMove(db, move('m1', 'alice'));
      let read = await findMove(db, 'm1');
      if (read === undefined) throw new Error('no row');
      await expect(closeMove(db, read, null, 6)).rejects.toMatchObject({ code: 'bug' });
      for (const phase of ['staged', 'granted'] as const)
        read = await advanceMove(db, read, phase, 6);
      expect(await closeMove(db, read, 'first', 7)).toBe(true);
      // The same run again, another one that had read it before, and one that reads it now.
      expect(await closeMove(db, read, 'second', 8)).toBe(false);
      expect(await closeMove(db, { ...read, phase: 'done' }, 'third', 9)).toBe(false);
      expect(await findMove(db, 'm1')).toMatchObject({
        phase: 'done',
        problem: 'first',
        updated_at: 7,
      });
    }));

  it('that another run has granted or ended get no other epoch and no other way', () =>
    withLedger(async ({ db }) => {
      await insertMove(db, move('m1', 'alice'));
      const read = await findMove(db, 'm1');
      if (read === undefined) throw new Error('no row');
      await setMoveEpoch(db, read, 5, 6);
      const back = { host: 'h1', epoch: 9, decisionJson: '{}' };
      await expect(turnMove(db, read, back, 7)).rejects.toMatchObject({ code: 'plan-stale' });
      for (const phase of ['staged', 'granted'] as const)
        await advanceMove(
          db,
          { ...read, phase: phase === 'staged' ? 'planned' : 'staged' },
          phase,
          7,
        );
      await expect(setMoveEpoch(db, read, 6, 8)).rejects.toMatchObject({ code: 'plan-stale' });
      await expect(turnMove(db, read, back, 8)).rejects.toMatchObject({ code: 'plan-stale' });
      expect(await findMove(db, 'm1')).toMatchObject({
        phase: 'granted',
        epoch: 5,
        to_host: read.to_host,
      });
    }));

  it('lists the open ones, oldest first', () =>
    withLedger(async ({ db }) => {
      await insertMove(db, { ...move('m2', 'bob'), created_at: 9 });
      await insertMove(db, move('m1', 'alice'));
      expect((await listOpenMoves(db)).map((row) => row.id)).toEqual(['m1', 'm2']);
    }));
});

describe('records', () => {
  it('keeps one history entry per move, newest first', () =>
    withLedger(async ({ db }) => {
      const entry = (at: number, move_id: string) => ({
        at,
        account: 'alice',
        host: 'h1',
        from_host: null,
        type: 'initial' as const,
        score: 12.5,
        strategy: 'load',
        reason: 'lowest',
        move_id,
        decision_json: '{}',
      });
      for (const e of [entry(1, 'a'), entry(2, 'b'), entry(3, 'b')]) await recordHistory(db, e);
      expect((await readHistory(db, { account: 'alice', limit: 10 })).map((row) => row.at)).toEqual(
        [2, 1],
      );
      expect(await readHistory(db, { host: 'h2', limit: 10 })).toEqual([]);
    }));

  it('gives the newest sample of each host and prunes old ones', () =>
    withLedger(async ({ db }) => {
      await ensureHosts(db, ['h1', 'h2', 'h3']);
      for (const [host, at] of [
        ['h1', 1],
        ['h1', 5],
        ['h2', 3],
      ] as const)
        await recordSample(db, host, at, `{"at":${at}}`);
      expect((await latestSamples(db)).map((row) => [row.host, row.taken_at]).sort()).toEqual([
        ['h1', 5],
        ['h2', 3],
      ]);
      expect(await pruneSamples(db, 4)).toBe(2);
    }));

  it('gives the last sample of each host and day', () =>
    withLedger(async ({ db }) => {
      await ensureHosts(db, ['h1', 'h2']);
      const day = 86_400_000;
      for (const [host, at] of [
        ['h1', 10],
        ['h1', day + 10],
        ['h1', day + 20],
        ['h2', day + 5],
        ['h1', 2 * day],
      ] as const)
        await recordSample(db, host, at, '{}');
      const found = (await dailySamples(db, day)).map((row) => `${row.host} ${row.taken_at}`);
      expect(found.sort()).toEqual([`h1 ${2 * day}`, `h1 ${day + 20}`, `h2 ${day + 5}`].sort());
    }));

  it('counts failures until the host is seen again; a cordon has its reason', () =>
    withLedger(async ({ db }) => {
      await ensureHosts(db, ['h1', 'h1']);
      await recordFailure(db, 'h1', 'no answer');
      await recordFailure(db, 'h1', 'no answer');
      await setCordon(db, 'h1', 'maintenance');
      expect((await listHosts(db))[0]).toMatchObject({
        failures: 2,
        cordoned: 1,
        cordon_reason: 'maintenance',
      });
      await recordSeen(db, 'h1', 4);
      expect((await listHosts(db))[0]).toMatchObject({ failures: 0, failure_reason: null });
    }));

  it('an intended contact ends what was said of the host, and is never younger than one before it', () =>
    withLedger(async ({ db }) => {
      await ensureHosts(db, ['h1']);
      const row = async () => (await listHosts(db))[0];
      await recordOff(db, 'h1', 'destroyed', 50);
      await recordDestroyed(db, 'h1', 60);
      await recordContactIntent(db, 'h1', 100, 1_000);
      expect(await row()).toMatchObject({
        contact_intent_at: 100,
        may_boot_until: 1_100,
        contacts: 1,
      });
      expect(await row()).toMatchObject({ off_at: null, off_kind: null, destroyed_at: null });
      // A shorter hold, and then a clock that was set back: what an earlier contact allowed stays
      // allowed.
      await recordContactIntent(db, 'h1', 200, 10);
      await recordContactIntent(db, 'h1', 50, 10);
      expect(await row()).toMatchObject({
        contact_intent_at: 200,
        may_boot_until: 1_100,
        contacts: 3,
      });
    }));

  it('a host that has answered since it was said to be off is neither off, nor unreachable, nor destroyed', () =>
    withLedger(async ({ db }) => {
      await ensureHosts(db, ['h1']);
      await recordUnreachable(db, 'h1', 10);
      await recordUnreachable(db, 'h1', 20);
      await recordOff(db, 'h1', 'powered-off', 30);
      expect((await listHosts(db))[0]).toMatchObject({ unreachable_since: 10, off_at: 30 });
      await recordSeen(db, 'h1', 40);
      await recordDestroyed(db, 'h1', 50);
      expect((await listHosts(db))[0]).toMatchObject({
        unreachable_since: null,
        off_at: null,
        destroyed_at: null,
      });
      await recordOff(db, 'h1', 'destroyed', 60);
      await recordDestroyed(db, 'h1', 70);
      expect((await listHosts(db))[0]).toMatchObject({ destroyed_at: 70 });
    }));
});
