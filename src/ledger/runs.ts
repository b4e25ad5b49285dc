import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { FleetError } from '../model/errors.ts';
import { shiftContacts } from './hosts.ts';
import type { Ledger, LedgerDb } from './ledger.ts';
import { forwardStepMs } from './operator-clock.ts';
import { preparedQuery } from './prepared-query.ts';
import { recordEvent } from './records.ts';
import { lastSerial, markDoubt, markStale, readStaleness, staleError } from './staleness.ts';

/** One mutating run of the CLI as hosts see it: who speaks (`authorityId`), how late (`serial`), which of several (`nonce`). */
export interface Run {
  readonly authorityId: string;
  readonly serial: number;
  readonly nonce: string;
}

/**
 * Takes the next serial; on disk when it returns, so that no later run can ever speak with the same one (docs/exclusivity.md, F3). Errors: `ledger-stale` for a
 * ledger that is known to be an old copy.
 */
export async function beginRun(ledger: Ledger, command: string, nowMs: number): Promise<Run> {
  await noticeOldCopy(ledger);
  const reason = await readStaleness(ledger.db);
  if (reason !== null) throw staleError(reason);
  return takeSerial(ledger, command, nowMs, 0);
}

/** A later run of this ledger was begun from this very machine: somebody put a copy from before it in its place. */
async function noticeOldCopy({ db, authorityId, serialCopy }: Ledger): Promise<void> {
  const kept = serialCopy.read(authorityId);
  const last = await lastSerial(db);
  if (kept !== null && kept > last) await markStale(db, `its run ${kept} was begun on this machine, and its last one is ${last}`);
}

/**
 * A run that rebuilds an old copy: it speaks later than every run of this ledger that a host has heard, `heardSerial` being the last (0: none). Until that
 * is done the ledger counts as stale, because its next run would be heard although it knows nothing yet.
 */
export async function beginAdoption(ledger: Ledger, nowMs: number, { isOld, heardSerial }: AdoptionStart): Promise<Run> {
  if (isOld) await markStale(ledger.db, 'its adoption was begun and has not ended');
  await markDoubt(ledger.db, 'it was adopted');
  return takeSerial(ledger, 'adopt', nowMs, heardSerial);
}

export interface AdoptionStart {
  readonly isOld: boolean;
  readonly heardSerial: number;
}

/** Where the clock was set forward since the last run, contacts look older than they are: they are dated by the clock of now. */
async function noticeClock(db: LedgerDb, stepMs: number, nowMs: number): Promise<void> {
  if (stepMs === 0) return;
  await shiftContacts(db, stepMs);
  const text = `this machine's clock was set forward by ${Math.round(stepMs / 1000)} s (or it stood still): hosts count as off that much later`;
  await recordEvent(db, { at: nowMs, kind: 'clock-stepped', host: null, account: null, text });
}

async function takeSerial(ledger: Ledger, command: string, nowMs: number, above: number): Promise<Run> {
  const nonce = randomUUID();
  const { clock } = ledger.serialCopy;
  const machine = clock?.machine() ?? null;
  const reading = machine === null ? null : { ...machine, wallMs: nowMs };
  const stepMs = forwardStepMs(clock?.last(ledger.authorityId) ?? null, reading);
  const kept = ledger.serialCopy.read(ledger.authorityId);
  const serial = await ledger.db.transaction().execute(async (transaction) => {
    const last = await lastSerial(transaction);
    const next = Math.max(last, above, kept ?? 0) + 1;
    if (last > 0 && kept !== last) await markDoubt(transaction, 'it does not agree with the serial that is kept outside of it');
    await noticeClock(transaction, stepMs, nowMs);
    await insertRun(transaction, { serial: next, nonce, command, nowMs });
    return next;
  });
  ledger.serialCopy.write(ledger.authorityId, serial);
  // After the commit: a run that dies in between dates them once more, which is late and never early.
  if (reading !== null) clock?.keep(ledger.authorityId, reading);
  return { authorityId: ledger.authorityId, serial, nonce };
}

const insertRun = preparedQuery<{ serial: number; nonce: string; command: string; nowMs: number }>((db, value) =>
  db.insertInto('runs').values({ serial: value('serial'), nonce: value('nonce'), command: value('command'), started_at: value('nowMs') }),
);

/** When `command` last took a serial, ms since the epoch; null: never. */
export async function lastRunOf(db: LedgerDb, command: string): Promise<number | null> {
  const runs = db.selectFrom('runs').select('started_at').where('command', '=', command);
  return (await runs.orderBy('serial', 'desc').limit(1).executeTakeFirst())?.started_at ?? null;
}

export const lockTtlMs = 60_000;

interface LockOwner {
  readonly host: string;
  readonly pid: number;
  /** '' where it did not say, as earlier releases. */
  readonly command: string;
}

const describeOwner = ({ host, pid, command }: LockOwner): string =>
  command === '' ? `process ${pid} on ${host}` : `fleet ${command} (process ${pid} on ${host})`;

/** A name of the lock that is used once, and says what works. */
const tokenOf = (command: string): string => (command === '' ? randomUUID() : `${command} ${randomUUID()}`);
const commandIn = (token: string): string => token.split(' ').slice(0, -1).join(' ');

/** A process of this machine that is gone cannot release its lock: there is no need to wait for its expiry. */
function isGone(owner: LockOwner): boolean {
  if (owner.host !== hostname()) return false;
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Held for the length of a mutating command; a comfort for people, the serial is what protects. */
export interface RunLock {
  release(): Promise<void>;
}

/** Returns null when the lock is ours, otherwise who holds it. */
async function tryLock(db: LedgerDb, token: string, nowMs: number): Promise<LockOwner | null> {
  const mine = { owner_host: hostname(), owner_pid: process.pid, token, expires_at: nowMs + lockTtlMs };
  await db
    .insertInto('lock')
    .values({ name: 'fleet', ...mine })
    .onConflict((c) => c.column('name').doUpdateSet(mine).where('lock.expires_at', '<=', nowMs))
    .execute();
  const row = await db.selectFrom('lock').selectAll().where('name', '=', 'fleet').executeTakeFirst();
  if (row === undefined) return tryLock(db, token, nowMs);
  if (row.token === token) return null;
  const owner = { host: row.owner_host, pid: row.owner_pid, command: commandIn(row.token) };
  if (!isGone(owner)) return owner;
  const taken = await db.updateTable('lock').set(mine).where('name', '=', 'fleet').where('token', '=', row.token).executeTakeFirst();
  return taken.numUpdatedRows > 0n ? null : owner;
}

export interface LockRequest {
  /** What others are told while it works. */
  readonly command?: string;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/**
 * Takes the ledger's lock, waiting up to `waitMs` for another command to end; a lock whose owner died expires after {@link lockTtlMs}.
 * Throws `lock-held` with its owner, `interrupted` when `signal` ends the wait.
 */
export async function takeLock(ledger: Ledger, waitMs: number, { command = '', signal }: LockRequest = {}): Promise<RunLock> {
  const token = tokenOf(command);
  const deadline = Date.now() + waitMs;
  for (;;) {
    const holder = await tryLock(ledger.db, token, Date.now());
    if (holder === null) break;
    if (Date.now() >= deadline) {
      throw new FleetError('lock-held', `another fleet command is at work: ${describeOwner(holder)}`, {
        hint: `wait for it, or use --wait; after a crash the lock expires by itself within ${lockTtlMs / 1000} s`,
      });
    }
    if (signal?.aborted === true)
      throw new FleetError('interrupted', 'interrupted while another fleet command was at work', { hint: 'nothing was changed' });
    await new Promise((resolve) => setTimeout(resolve, Math.min(500, Math.max(10, deadline - Date.now()))));
  }
  const heartbeat = setInterval(() => {
    // A missed beat is not fatal: the serial fences a run whose lock was taken over.
    ledger.db
      .updateTable('lock')
      .set({ expires_at: Date.now() + lockTtlMs })
      .where('name', '=', 'fleet')
      .where('token', '=', token)
      .execute()
      .catch(() => undefined);
  }, lockTtlMs / 4);
  heartbeat.unref();
  return {
    release: async () => {
      clearInterval(heartbeat);
      await ledger.db.deleteFrom('lock').where('name', '=', 'fleet').where('token', '=', token).execute();
    },
  };
}
