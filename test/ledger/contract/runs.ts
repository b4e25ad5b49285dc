import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { beginAdoption, beginRun, takeLock } from '../../../src/ledger/queries/runs.ts';
import type { TestEngine } from './engines.ts';

const holdLock = (ledger: Ledger, host: string, pid: number, expiresAt: number) =>
  ledger.db
    .insertInto('lock')
    .values({
      name: 'fleet',
      owner_host: host,
      owner_pid: pid,
      token: 'theirs',
      expires_at: expiresAt,
    })
    .execute();

/** A process id that was just in use and is gone. */
const deadPid = (): number => spawnSync('true').pid;

/** What `describe` runs on each engine. */
export const runsContract = (engines: readonly TestEngine[]): void =>
  describe.each(engines)('runs on $name', (engine) => {
    describe('runs', () => {
      it('of a copy from before a run that was begun on this machine are none: it may only look', async () => {
        const kept: number[] = [];
        const serialCopy = {
          read: () => kept.at(-1) ?? null,
          write: (_: string, serial: number) => void kept.push(serial),
        };
        const ledger = await engine.open(undefined, serialCopy);
        await beginRun(ledger, 'a', 1);
        const old = await engine.open(undefined, serialCopy);
        await expect(beginRun(old, 'b', 2)).rejects.toMatchObject({
          code: 'ledger-stale',
          message: expect.stringContaining('its run 1 was begun'),
        });
        // Rebuilt, it speaks later than all that was begun.
        expect((await beginAdoption(old, 3, { isOld: true, heardSerial: 0 })).serial).toBe(2);
        await ledger.close();
        await old.close();
      });

      it('take strictly rising serials with nonces of their own, also over two openings of one ledger', async () => {
        const first = await engine.open();
        const second = await engine.again(first);
        const runs = [
          await beginRun(first, 'a', 1),
          await beginRun(second, 'b', 2),
          await beginRun(first, 'c', 3),
        ];
        expect(runs.map((run) => run.serial)).toEqual([1, 2, 3]);
        expect(new Set(runs.map((run) => run.nonce)).size).toBe(3);
        await first.close();
        await second.close();
      });
    });

    describe('the lock', () => {
      it('excludes a second command and is free again afterwards', async () => {
        const ledger = await engine.open();
        const lock = await takeLock(ledger, 0, { command: 'accounts remove' });
        await expect(takeLock(ledger, 0)).rejects.toMatchObject({
          code: 'lock-held',
          message: expect.stringContaining(`: fleet accounts remove (process ${process.pid} on `),
        });
        await lock.release();
        await (await takeLock(ledger, 0)).release();
        await ledger.close();
      });

      it('waits for the other to end when told to', async () => {
        const ledger = await engine.open();
        const lock = await takeLock(ledger, 0);
        setTimeout(() => void lock.release(), 100);
        await (await takeLock(ledger, 5000)).release();
        await ledger.close();
      });

      it.each([
        ['expired', 'elsewhere', 1, -1, true],
        ['alive on another machine', 'elsewhere', 1, 50_000, false],
        ['its process here is gone', hostname(), deadPid(), 50_000, true],
        ['its process here lives', hostname(), process.ppid, 50_000, false],
      ])('of another owner, %s', async (_, host, pid, ttl, free) => {
        const ledger = await engine.open();
        await holdLock(ledger, host, pid, Date.now() + ttl);
        const attempt = await takeLock(ledger, 0).then(
          () => true,
          () => false,
        );
        expect(attempt).toBe(free);
        await ledger.close();
      });

      it('of a command that talks with a person: one other may work beside it, and is waited for', async () => {
        const ledger = await engine.open();
        const lock = await takeLock(ledger, 0, { command: 'accounts login' });
        const beside = { command: 'sweep', besideTalks: true };
        await expect(takeLock(ledger, 0, beside)).rejects.toMatchObject({ code: 'lock-held' });
        const { promise, resolve } = Promise.withResolvers<string>();
        let isOver = false;
        const talk = lock
          .aside(() => promise)
          .finally(() => {
            isOver = true;
          });
        const sweep = await takeLock(ledger, 5_000, beside);
        await expect(takeLock(ledger, 0)).rejects.toMatchObject({
          message: expect.stringContaining('fleet accounts login'),
        });
        await expect(takeLock(ledger, 0, beside)).rejects.toMatchObject({
          message: expect.stringContaining('fleet sweep'),
        });
        resolve('the code');
        // No talk any more, but the sweep is still at work.
        await expect
          .poll(() =>
            ledger.db.selectFrom('lock').select('name').where('name', '=', 'talk').execute(),
          )
          .toEqual([]);
        await new Promise((done) => setTimeout(done, 400));
        expect(isOver).toBe(false);
        await expect(takeLock(ledger, 0, beside)).rejects.toMatchObject({ code: 'lock-held' });
        await sweep.release();
        expect(await talk).toBe('the code');
        await lock.release();
        await (await takeLock(ledger, 0)).release();
        expect(await ledger.db.selectFrom('lock').selectAll().execute()).toEqual([]);
        await ledger.close();
      });

      it("is nobody else's while somebody works beside a talk whose command has died", async () => {
        const ledger = await engine.open();
        const theirs = {
          owner_host: hostname(),
          token: 'sweep 1',
          expires_at: Date.now() + 50_000,
        };
        await ledger.db
          .insertInto('lock')
          .values([
            { name: 'fleet', ...theirs, owner_pid: deadPid(), token: 'accounts login 1' },
            { name: 'talk', ...theirs, owner_pid: deadPid(), token: 'accounts login 1' },
            { name: 'beside', ...theirs, owner_pid: process.ppid },
          ])
          .execute();
        await expect(takeLock(ledger, 0)).rejects.toMatchObject({
          message: expect.stringContaining('fleet sweep'),
        });
        await ledger.db.deleteFrom('lock').where('name', '=', 'beside').execute();
        await (await takeLock(ledger, 0)).release();
        await ledger.close();
      });
    });
  });
