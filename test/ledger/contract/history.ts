import { sql } from 'kysely';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findChainFault, headsNotIn, readChainHead } from '../../../src/ledger/history-chain.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { recordEvent } from '../../../src/ledger/queries/events.ts';
import { recordHistory } from '../../../src/ledger/queries/records.ts';
import type { TestEngine } from './engines.ts';

const decision = (move: string, score: number | null = 1 / 3) => ({
  ...{ at: 5, account: 'anna', host: 'h1', from_host: null, type: 'initial' as const, score },
  ...{ strategy: 'load', reason: 'lowest "score"\n✔', move_id: move },
  decision_json: JSON.stringify({ big: 'x'.repeat(10_000) }),
});
const event = (reason: string) => ({
  ...({ at: 6, kind: 'account-offline', host: null, account: 'anna', reason } as const),
});
const recordHostile = ({ db }: Ledger) =>
  db.insertInto('events').values({ at: 6, kind: 'x', text: hostile }).execute();

const scores = [null, 0, 12.3456789012, 1e9, -0.1, 0.0000005, -0.0000015, 1e-9];

async function fill({ db }: Ledger): Promise<void> {
  for (const score of scores) await recordHistory(db, decision(`m${score}`, score));
  for (let index = 0; index < 5; index += 1) await recordEvent(db, event(`event ${index}`));
}

/** Every sign that JSON writes in a way of its own, and some that it might. */
const hostile = `${Array.from({ length: 31 }, (_, code) => String.fromCharCode(code + 1)).join('')}"\\/'\u007f\u0080\u2028\u2029é😀`;

async function opened(engine: TestEngine): Promise<Ledger> {
  const ledger = await engine.open();
  onTestFinished(() => ledger.close());
  return ledger;
}

/** Somebody with all the rights that it takes. */
async function tamper({ db }: Ledger, name: TestEngine['name'], text: string): Promise<void> {
  const guards =
    name === 'sqlite'
      ? ['history_kept_update', 'history_kept_delete', 'events_kept_update', 'events_kept_delete']
      : ['history_kept ON history', 'events_kept ON events'];
  const statements = text.split(';').map((each) => each.trim());
  for (const guard of guards) await sql.raw(`DROP TRIGGER ${guard}`).execute(db);
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const onEvents = { sqlite: 'events_chained', postgres: 'events_chained ON events' } as const;

/** The chain on each engine, and that both have one. */
export function historyContract(engines: readonly TestEngine[]): void {
  describe.each(engines)('the history on $name', (engine) => {
    it('is whole as fleet records it, alone and within transactions, also those that are rolled back', async () => {
      const ledger = await opened(engine);
      await fill(ledger);
      await recordHistory(ledger.db, decision('m0'));
      await recordHostile(ledger);
      await ledger.db.transaction().execute((db) => recordEvent(db, event('within')));
      await expect(
        ledger.db.transaction().execute(async (db) => {
          await recordEvent(db, event('never'));
          throw new Error('rolled back');
        }),
      ).rejects.toThrow('rolled back');
      await recordEvent(ledger.db, event('after'));
      expect(await findChainFault(ledger.db)).toBeNull();
      expect((await readChainHead(ledger.db)).length).toBe(scores.length + 8);
    });

    it.each([
      [
        'an entry was changed',
        "UPDATE history SET reason = 'other' WHERE id = 2",
        /entry 2 .* was changed/,
      ],
      [
        'a score was changed',
        'UPDATE history SET score = 13 WHERE id = 3',
        /entry 3 .* was changed/,
      ],
      ['an entry is gone', 'DELETE FROM history WHERE id = 2', /entry 2 .* is gone/],
      [
        'an entry and its link are gone',
        'DELETE FROM history WHERE id = 2; DELETE FROM chain WHERE seq = 2',
        /was changed, or one before/,
      ],
      [
        'the last entries and their links are gone',
        'DELETE FROM events WHERE id > 3; DELETE FROM chain WHERE seq > 11',
        /last entries .* taken out/,
      ],
      [
        'an entry was put in past the chain',
        "DROP TRIGGER EVENTS; INSERT INTO events (at, kind, text) VALUES (1, 'x', 'y')",
        /14 entries, of which 13/,
      ],
      [
        'two entries were swapped',
        `UPDATE chain SET "row" = 99 WHERE seq = 9; UPDATE chain SET "row" = 1 WHERE seq = 10;
       UPDATE chain SET "row" = 2 WHERE seq = 9`,
        /was changed/,
      ],
    ])('is not believed when %s', async (_, text, said) => {
      const ledger = await opened(engine);
      await fill(ledger);
      await tamper(ledger, engine.name, text.replace('EVENTS', onEvents[engine.name]));
      expect(await findChainFault(ledger.db)).toMatch(said);
    });

    it('cannot be changed or taken out by chance', async () => {
      const ledger = await opened(engine);
      await fill(ledger);
      for (const text of ["UPDATE history SET reason = 'x'", 'DELETE FROM events'])
        await expect(sql.raw(text).execute(ledger.db)).rejects.toThrow('never changed');
      if (engine.name === 'postgres')
        await expect(sql`TRUNCATE events`.execute(ledger.db)).rejects.toThrow('never changed');
      expect(await findChainFault(ledger.db)).toBeNull();
    });

    it('has a head that somebody else may note; another one is named', async () => {
      const ledger = await opened(engine);
      const empty = await readChainHead(ledger.db);
      await fill(ledger);
      const early = await readChainHead(ledger.db);
      await recordEvent(ledger.db, event('one more'));
      const late = await readChainHead(ledger.db);
      expect(await headsNotIn(ledger.db, [empty, early, late])).toEqual([]);
      const other = { ...early, hash: late.hash };
      const further = { length: late.length + 1, hash: late.hash };
      expect(await headsNotIn(ledger.db, [early, other, further])).toEqual([other, further]);
      const many = Array.from({ length: 2_500 }, () => late);
      expect(await headsNotIn(ledger.db, [...many, other])).toEqual([other]);
      expect(await findChainFault(ledger.db, early)).toBeNull();
      expect(await findChainFault(ledger.db, other)).toMatch(/not the one that was noted/);
    });
  });

  it('has the same hashes on both engines', async () => {
    const heads = [];
    for (const engine of engines) {
      const ledger = await opened(engine);
      await fill(ledger);
      await recordHostile(ledger);
      heads.push(await readChainHead(ledger.db));
    }
    expect(heads[1]).toEqual(heads[0]);
  });
}
