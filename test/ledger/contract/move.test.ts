import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openLedger, type PostgresAccess } from '../../../src/ledger/ledger.ts';
import { placeName } from '../../../src/ledger/move-ledger.ts';
import { setCordon } from '../../../src/ledger/queries/hosts.ts';
import { beginRun, takeLock } from '../../../src/ledger/queries/runs.ts';
import { cuttingProxy } from './cutting-proxy.ts';
import { calls } from './every-query.ts';
import {
  access,
  contentOf,
  cutEach,
  inCharge,
  kindOf,
  move,
  refusal,
  small,
  type Where,
} from './moving.ts';
import { type Cluster, startCluster } from './postgres-cluster.ts';

let cluster: Cluster;
let folder: string;
let count = 0;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fleet-move-'));
  cluster = await startCluster();
}, 120_000);
afterAll(async () => {
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const newFile = (): string => {
  count += 1;
  return join(folder, `ledger-${count}.db`);
};
const newDatabase = async (): Promise<PostgresAccess> => {
  count += 1;
  return access(await cluster.database(`db${count}`));
};
const newPlace = async (kind: 'file' | 'database'): Promise<Where> =>
  kind === 'file' ? newFile() : newDatabase();

/** A ledger with everything in it; closed again. Its authority and last serial. */
async function filled(where: Where): Promise<{ readonly id: string; readonly serial: number }> {
  const ledger = await openLedger(where);
  for (const call of Object.values(calls)) await call(ledger);
  await setCordon(ledger.db, 'h', 'ä\u0000"\'\n𝄞'.replace('\u0000', ''));
  const { serial } = await beginRun(ledger, 'test', 5);
  await ledger.close();
  return { id: ledger.authorityId, serial };
}

describe('a ledger with everything in it', () => {
  it.each([
    ['file', 'database'],
    ['database', 'file'],
    ['database', 'database'],
    ['file', 'file'],
  ] as const)(
    'moves from a %s to a %s and back, and stays the same',
    async (kind, other) => {
      const [from, to] = [await newPlace(kind), await newPlace(other)];
      const { id, serial } = await filled(from);
      const before = await contentOf(from);
      const open = await openLedger(from);
      onTestFinished(() => open.close());
      const { plan, rows } = await move(from, to);
      expect(plan).toMatchObject({ kind: 'move', aside: null, authorityId: id, serial });
      expect(rows).toMatchObject({ hosts: expect.any(Number), runs: expect.any(Number) });
      expect(await contentOf(to)).toEqual({ ...before, fault: null });
      // The old one: whoever opens it, and whoever has had it open, is told where it went.
      for (const error of [
        await refusal(openLedger(from)),
        await refusal(setCordon(open.db, 'h', 'y'), open),
        await refusal(beginRun(open, 'x', 1), open),
        await refusal(takeLock(open, 0), open),
      ]) {
        expect(error.code).toBe('ledger-moved');
        expect(error.message).toContain(`it was moved to ${placeName(to)}`);
        expect(error.hint).toBe(`write  ledger: ${placeName(to)}  into the inventory`);
      }
      await open.close();
      expect((await move(from, to)).plan.kind).toBe('none');
      // Hosts know authority and serials: the next run is the next one of the same.
      const moved = await openLedger(to);
      expect(await beginRun(moved, 'x', 6)).toMatchObject({ authorityId: id, serial: serial + 1 });
      await moved.close();
      const after = await contentOf(to);
      const back = await move(to, from);
      expect(back.plan.aside).toMatch(/before.move.19700101t001640z/i);
      expect(await contentOf(from)).toEqual(after);
      expect((await refusal(openLedger(to))).message).toContain(`was moved to ${placeName(from)}`);
      // And there once more: what was moved away before stays beside it.
      await move(from, to);
      expect(await contentOf(to)).toEqual(after);
      expect(await kindOf(from)).toBe('moved');
    },
    60_000,
  );

  it('in a file is closed for a program that knows no moves, too', async () => {
    const [from, to] = [newFile(), newFile()];
    await small(from);
    await move(from, to);
    const file = new Database(from);
    try {
      expect(file.pragma('user_version', { simple: true })).toBeGreaterThan(1_000_000);
      const tables = file
        .prepare<[], { name: string }>(
          "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
        )
        .all();
      expect(tables.length).toBeGreaterThan(20);
      // Before a row is changed, so an empty table is asked by an insert.
      for (const { name } of tables)
        expect(() => file.exec(`INSERT INTO "${name}" DEFAULT VALUES`)).toThrow(
          /moved to|no such function: fleet_chain/,
        );
      expect(() => file.exec("DELETE FROM hosts WHERE name = 'h'")).toThrow(/moved to/);
      expect(() => file.exec("UPDATE meta SET value = ''")).toThrow(/moved to/);
    } finally {
      file.close();
    }
  });
});

/** One of the copy's, and those around the marks; all of them: the nightly one. */
const fewNew = (all: number): number[] => [all - 60, all - 2, all];
const fewOld = (all: number): number[] => [all - 20, all - 2];

describe('a connection that is lost at a statement', () => {
  it('to the new place: the old one stays in charge, or the same command ends it', async () => {
    const direct = await newDatabase();
    const proxy = await cuttingProxy(direct.place);
    onTestFinished(() => proxy.close());
    const ends = await cutEach({ cluster, proxy, direct, chosen: fewNew }, async () => {
      const from = newFile();
      await small(from);
      return { from, to: access(proxy.place), real: [from, direct] };
    });
    expect([...ends].sort()).toEqual(['after', 'before', 'between']);
  }, 120_000);

  it('to the old place: the same', async () => {
    const direct = await newDatabase();
    const proxy = await cuttingProxy(direct.place);
    onTestFinished(() => proxy.close());
    const ends = await cutEach({ cluster, proxy, direct, chosen: fewOld }, async () => {
      await small(direct);
      const to = newFile();
      return { from: access(proxy.place), to, real: [direct, to] };
    });
    expect([...ends].sort()).toEqual(['before', 'between']);
  }, 120_000);
});

describe('a place that does not fit', () => {
  const says = async (from: Where, to: Where): Promise<string> => {
    const before = await contentOf(from);
    const { code, message } = await refusal(move(from, to));
    expect(await contentOf(from)).toEqual(before);
    return `${code} ${message}`;
  };

  it('is named, and the ledger is as it was', async () => {
    const from = newFile();
    await small(from);
    // Another fleet's, in both engines.
    const others = [await newDatabase(), newFile()];
    for (const other of others) {
      await small(other);
      expect(await says(from, other)).toMatch(/^usage .* is not empty: another ledger is there/);
      expect(await kindOf(other)).toBe('in-charge');
    }
    // Somebody else's tables.
    const foreign = await newDatabase();
    await cluster.run(
      foreign.place.database,
      'CREATE SCHEMA fleet',
      'CREATE TABLE fleet.cars (id int)',
    );
    expect(await says(from, foreign)).toMatch(/^ledger-corrupt .* not a ledger/);
    await cluster.run(foreign.place.database, 'SELECT * FROM fleet.cars');
    const notes = newFile();
    const file = new Database(notes);
    file.exec('CREATE TABLE notes (id INTEGER)');
    file.close();
    expect(await says(from, notes)).toMatch(/^ledger-corrupt .* not a ledger/);
    // No way there, no such database, no folder for it, a server that is too old.
    const place = (await newDatabase()).place;
    expect(await says(from, access({ ...place, port: 1 }))).toMatch(/^ledger-unreachable /);
    expect(await says(from, access({ ...place, database: 'absent' }))).toMatch(/^ledger-denied /);
    expect(await says(from, join(from, 'ledger.db'))).toMatch(/^ledger-readonly /);
    const proxy = await cuttingProxy(place);
    onTestFinished(() => proxy.close());
    proxy.rewrite((text) => text.replace(/\b1[3-9]00\d\d\b/g, '120022'));
    expect(await says(from, access(proxy.place))).toMatch(/^ledger-unsupported /);
    // One that only reads.
    await cluster.run(
      place.database,
      `ALTER DATABASE ${place.database} SET default_transaction_read_only = on`,
    );
    await cluster.run('postgres', 'CREATE ROLE reader LOGIN');
    expect(await says(from, access({ ...place, user: 'reader' }))).toMatch(
      /^ledger-(denied|readonly) /,
    );
    expect((await refusal(move(newFile(), from))).message).toContain('nothing is recorded in it');
    expect((await refusal(move(from, from))).message).toContain('is in ');
    // Of all that nothing stays which would be in the way.
    const to = await newDatabase();
    await (await openLedger(to)).close();
    expect((await move(from, to)).plan.aside).toContain('fleet_before_move_');
    expect(await kindOf(to)).toBe('in-charge');
  }, 60_000);

  it.skipIf(process.getuid?.() !== 0)(
    'because it is full is named; with room the same move comes about',
    async () => {
      const disk = mkdtempSync(join(tmpdir(), 'fleet-full-'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=200k,mode=700', 'tmpfs', disk]);
      try {
        const [from, to] = [newFile(), join(disk, 'fleet.db')];
        await small(from);
        expect(await says(from, to)).toMatch(/^ledger-readonly .* no space left/);
        expect(readdirSync(disk)).toEqual([]);
        execFileSync('mount', ['-o', 'remount,size=20m', disk]);
        await move(from, to);
        expect(await inCharge(from, to)).toEqual([to]);
      } finally {
        execFileSync('umount', ['-l', disk]);
        rmSync(disk, { recursive: true, force: true });
      }
    },
  );

  it('because it knows later runs of this ledger is not overwritten by an old copy', async () => {
    const [from, copy, to] = [newFile(), newFile(), newFile()];
    await small(from);
    const ledger = await openLedger(from);
    await ledger.copyTo(copy);
    await beginRun(ledger, 'later', 7);
    await ledger.close();
    await move(from, to);
    expect(await says(copy, from)).toMatch(/^ledger-stale .* knows later runs \(2, here 1\)/);
    expect(await says(copy, to)).toMatch(/^usage .* a copy of this very ledger is there/);
  });
});

describe('a move that is begun', () => {
  it('while another command is at work is refused', async () => {
    const [from, to] = [newFile(), await newDatabase()];
    await small(from);
    const busy = await openLedger(from);
    onTestFinished(() => busy.close());
    const lock = await takeLock(busy, 0, { command: 'sweep' });
    const held = await refusal(move(from, to));
    expect([held.code, held.message]).toEqual([
      'lock-held',
      expect.stringContaining('fleet sweep'),
    ]);
    await lock.release();
    await move(from, to);
    expect(await inCharge(from, to)).toEqual([to]);
  });

  it('after a move that has not ended ends it from either side, and never one that did not come about', async () => {
    const [from, to] = [newFile(), await newDatabase()];
    await small(from);
    const proxy = await cuttingProxy(to.place);
    onTestFinished(() => proxy.close());
    // Up to the copy: the old one is in charge, and whoever names the new one is told.
    proxy.plan({ at: Number.POSITIVE_INFINITY, isHeard: true });
    await move(from, access(proxy.place));
    const all = proxy.statements();
    const again = newFile();
    await cluster.run(to.place.database, 'DROP SCHEMA fleet CASCADE');
    await small(again);
    // The last three are those that take the mark away: connect, and the statement itself.
    proxy.plan({ at: all, isHeard: false });
    await refusal(move(again, access(proxy.place)));
    expect([await kindOf(again), await kindOf(to)]).toEqual(['moved', 'arriving']);
    // With the new line in the inventory already.
    const place = access(proxy.place);
    const ended = await move(place, place, () => again);
    expect(ended.plan).toMatchObject({ kind: 'end', from: again });
    expect(await kindOf(to)).toBe('in-charge');
    expect((await refusal(move(to, to))).message).toContain('is in ');
  });
});
