import { describe, expect, it } from 'vitest';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import {
  deleteAccount,
  highestEpoch,
  insertAccount,
  listAccounts,
  raiseEpoch,
  setAccountState,
  setPlacement,
} from '../../../src/ledger/queries/accounts.ts';
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
} from '../../../src/ledger/queries/hosts.ts';
import {
  advanceMove,
  closeMove,
  findMove,
  insertMove,
  listOpenMoves,
  setMoveEpoch,
  turnMove,
} from '../../../src/ledger/queries/moves.ts';
import {
  dailySamples,
  latestSamples,
  pruneSamples,
  readHistory,
  recordHistory,
  recordSample,
} from '../../../src/ledger/queries/records.ts';
import type { TestEngine } from './engines.ts';

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

/** What `describe` runs on each engine. */
export const ledgerContract = (engines: readonly TestEngine[]): void =>
  describe.each(engines)('ledger on $name', (engine) => {
    async function withLedger(act: (ledger: Ledger) => Promise<void>): Promise<void> {
      const ledger = await engine.open();
      try {
        await act(ledger);
      } finally {
        await ledger.close();
      }
    }

    describe('accounts and epochs', () => {
      it('refuses the same key under another name, and a removal while somebody owns the account', () =>
        withLedger(async ({ db }) => {
          await ensureHosts(db, ['h1']);
          await insertAccount(db, account('alice', 'k'));
          await expect(insertAccount(db, account('bob', 'k'))).rejects.toThrow(/unique/i);
          await setPlacement(db, {
            account: 'alice',
            host: 'h1',
            epoch: 1,
            move_id: 'm',
            since: 1,
          });
          await expect(deleteAccount(db, 'alice')).rejects.toThrow(/foreign key/i);
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
          expect(
            (await readHistory(db, { account: 'alice', limit: 10 })).map((row) => row.at),
          ).toEqual([2, 1]);
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
          // A shorter hold, and a clock that was set back: an earlier contact's allowance stays.
          await recordContactIntent(db, 'h1', 200, 10);
          await recordContactIntent(db, 'h1', 50, 10);
          expect(await row()).toMatchObject({
            contact_intent_at: 200,
            may_boot_until: 1_100,
            contacts: 3,
          });
        }));

      it('more hosts at once than a statement takes values', () =>
        withLedger(async ({ db }) => {
          await ensureHosts(
            db,
            Array.from({ length: 9_000 }, (_, index) => `h${index}`),
          );
          expect((await listHosts(db)).length).toBe(9_000);
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
  });
