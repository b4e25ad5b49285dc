import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findChainFault, readChainHead } from '../../src/ledger/history-chain.ts';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import { migrations } from '../../src/ledger/migrations/all.ts';
import { recordEvent } from '../../src/ledger/queries/events.ts';
import { recordHistory } from '../../src/ledger/queries/records.ts';

let folder: string;
let ledger: Ledger;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleet-chain-'));
  ledger = await openLedger(join(folder, 'fleet.db'));
});
afterEach(async () => {
  await ledger.close();
  await rm(folder, { recursive: true, force: true });
});

const decision = (move: string, score: number | null = 1 / 3) => ({
  ...{
    at: 5,
    account: 'anna',
    host: 'h1',
    from_host: null,
    type: 'initial' as const,
    score,
    strategy: 'load',
    reason: 'lowest "score"\n✔',
  },
  ...{ move_id: move, decision_json: JSON.stringify({ big: 'x'.repeat(10_000) }) },
});
const event = (reason: string) => ({
  ...({ at: 6, kind: 'account-offline', host: null, account: 'anna', reason } as const),
});

async function fill(): Promise<void> {
  for (const score of [null, 0, 12.3456789012, 1e9, -0.1])
    await recordHistory(ledger.db, decision(`m${score}`, score));
  for (let index = 0; index < 5; index += 1) await recordEvent(ledger.db, event(`event ${index}`));
}

/** Somebody with another program and all the rights that it takes. */
function tamper(...statements: readonly string[]): void {
  const file = new Database(join(folder, 'fleet.db'));
  file.function('fleet_chain', (_before, _content) => 'f'.repeat(64));
  for (const name of [
    'history_kept_update',
    'history_kept_delete',
    'events_kept_update',
    'events_kept_delete',
  ])
    file.exec(`DROP TRIGGER ${name}`);
  for (const statement of statements) file.exec(statement);
  file.close();
}

describe('the history', () => {
  it('is not believed when an entry was put in with a wrong hash', async () => {
    await fill();
    tamper("INSERT INTO events (at, kind, text) VALUES (1, 'x', 'y')");
    expect(await findChainFault(ledger.db)).toMatch(/entry 11 .* was changed/);
  });

  it('is not believed when somebody has made it anew from its beginning, because its head was noted elsewhere', async () => {
    await fill();
    const noted = await readChainHead(ledger.db);
    expect(await findChainFault(ledger.db, noted)).toBeNull();
    await recordEvent(ledger.db, event('later'));
    expect(await findChainFault(ledger.db, noted)).toBeNull();
    tamper(
      'DELETE FROM chain; DELETE FROM events WHERE id = 1; DELETE FROM sqlite_sequence ' +
        "WHERE name = 'chain'",
      'PRAGMA user_version = 7',
    );
    const forged = new Database(join(folder, 'fleet.db'));
    for (const name of ['history_chained', 'events_chained']) forged.exec(`DROP TRIGGER ${name}`);
    forged.exec('DROP TABLE chain');
    // What came after the chain.
    for (const column of [
      'machine_id',
      'told_name',
      'announced_until',
      'announced_boot',
      'acknowledged_serial',
      'fell_back_at',
      'fell_back_to',
      'refused_since',
      'refused_at',
      'refusals',
      'refusal',
    ])
      forged.exec(`ALTER TABLE hosts DROP COLUMN ${column}`);
    forged.exec('ALTER TABLE accounts DROP COLUMN display_name');
    for (const name of [
      'forgotten_hosts',
      'alerts',
      'alert_messages',
      'alert_silences',
      'canaries',
      'logins',
      'alert_channels',
      'api_tokens',
      'api_plans',
      'api_jobs',
      'api_answers',
    ])
      forged.exec(`DROP TABLE ${name}`);
    forged.close();
    await ledger.close();
    ledger = await openLedger(join(folder, 'fleet.db'));
    expect(await findChainFault(ledger.db)).toBeNull();
    expect(await findChainFault(ledger.db, noted)).toMatch(/not the one that was noted/);
  });

  it('cannot be changed or taken out by chance, nor recorded by a program without the chain', async () => {
    await fill();
    await expect(sql`UPDATE history SET reason = 'x'`.execute(ledger.db)).rejects.toThrow(
      'never changed',
    );
    await expect(sql`DELETE FROM events`.execute(ledger.db)).rejects.toThrow('never changed');
    const other = new Database(join(folder, 'fleet.db'));
    expect(() => other.exec("INSERT INTO events (at, kind, text) VALUES (1, 'x', 'y')")).toThrow(
      'no such function: fleet_chain',
    );
    other.close();
    expect(await findChainFault(ledger.db)).toBeNull();
  });

  it('of a ledger of the release before becomes the beginning of the chain', async () => {
    const path = join(folder, 'old.db');
    const old = await openLedger(path, migrations.slice(0, 7));
    for (let index = 0; index < 30; index += 1) {
      await recordEvent(old.db, { ...event(`old ${index}`), at: index });
      await recordHistory(old.db, { ...decision(`m${index}`), at: index });
    }
    await old.close();
    const now = await openLedger(path);
    await recordEvent(now.db, event('new'));
    expect([await findChainFault(now.db), (await readChainHead(now.db)).length]).toEqual([
      null,
      61,
    ]);
    await now.close();
  });

  it('is read in pages, and costs little to record', async () => {
    const timed = async (act: () => Promise<void>): Promise<number> => {
      const from = performance.now();
      await act();
      return performance.now() - from;
    };
    const record = () =>
      ledger.db.transaction().execute(async (transaction) => {
        for (let index = 0; index < 2_500; index += 1)
          await recordEvent(transaction, event(`event ${index}`));
      });
    const chained = await timed(record);
    expect(await findChainFault(ledger.db)).toBeNull();
    await sql`DROP TRIGGER events_chained`.execute(ledger.db);
    const bare = await timed(record);
    console.log(
      `2,500 events in one transaction: ${chained.toFixed(0)} ms with the chain, ` +
        `${bare.toFixed(0)} ms without`,
    );
    expect(chained).toBeLessThan(10 * bare + 500);
  });
});
