import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { FleetError } from '../../model/errors.ts';
import type { Ledger, LedgerDb } from '../ledger.ts';
import { forwardStepMs } from '../operator-clock.ts';
import { preparedQuery } from '../prepared-query.ts';
import { recordEvent } from './events.ts';
import { shiftContacts } from './hosts.ts';
import { lastSerial, markDoubt, markStale, readStaleness, staleError } from './staleness.ts';

/**
 * One mutating run of the CLI as hosts see it: who speaks (`authorityId`), how late (`serial`),
 * which of several (`nonce`).
 */
export interface Run {
  readonly authorityId: string;
  readonly serial: number;
  readonly nonce: string;
}

/**
 * Takes the next serial; on disk when it returns, so that no later run can ever speak with the same
 * one (docs/exclusivity.md, F3). Errors: `ledger-stale` for a
 * ledger that is known to be an old copy.
 */
export async function beginRun(ledger: Ledger, command: string, nowMs: number): Promise<Run> {
  await requireSharedTime(ledger);
  await noticeOldCopy(ledger);
  const reason = await readStaleness(ledger.db);
  if (reason !== null) throw staleError(reason);
  return takeSerial(ledger, command, nowMs, 0);
}

/** Corrections by a time service. */
const clockToleranceMs = 60_000;

/**
 * Several machines date contacts in a ledger that they share, and judge by those dates when a host
 * counts as off (docs/exclusivity.md, R4): their clocks have to agree with the server's. Errors:
 * `this-machine`.
 */
async function requireSharedTime(ledger: Ledger): Promise<void> {
  const aheadMs = await ledger.clockAheadMs();
  if (Math.abs(aheadMs) <= clockToleranceMs) return;
  const text = `${Math.round(Math.abs(aheadMs) / 1000)} s ${aheadMs > 0 ? 'ahead of' : 'behind'}`;
  throw new FleetError(
    'this-machine',
    `this machine's clock is ${text} the clock of the ledger's server: nothing can be dated`,
    { hint: 'set the one that is wrong (timedatectl, chronyc tracking), then run this again' },
  );
}

/**
 * A later run of this ledger was begun from this very machine: somebody replaced it with an older
 * copy.
 */
async function noticeOldCopy({ db, authorityId, serialCopy }: Ledger): Promise<void> {
  const kept = serialCopy.read(authorityId);
  const last = await lastSerial(db);
  if (kept !== null && kept > last)
    await markStale(db, `its run ${kept} was begun on this machine, and its last one is ${last}`);
}

/**
 * A run that rebuilds an old copy: it speaks later than every run of this ledger that a host has
 * heard, `heardSerial` being the last (0: none). Until that
 * is done the ledger counts as stale, because its next run would be heard although it knows nothing
 * yet.
 */
export async function beginAdoption(
  ledger: Ledger,
  nowMs: number,
  { isOld, heardSerial }: AdoptionStart,
): Promise<Run> {
  await requireSharedTime(ledger);
  if (isOld) await markStale(ledger.db, 'its adoption was begun and has not ended');
  await markDoubt(ledger.db, 'it was adopted');
  return takeSerial(ledger, 'adopt', nowMs, heardSerial);
}

export interface AdoptionStart {
  readonly isOld: boolean;
  readonly heardSerial: number;
}

/**
 * Where the clock was set forward since the last run, contacts look older than they are: they are
 * dated by the clock of now.
 */
async function noticeClock(db: LedgerDb, stepMs: number, nowMs: number): Promise<void> {
  if (stepMs === 0) return;
  await shiftContacts(db, stepMs);
  await recordEvent(db, { at: nowMs, kind: 'clock-stepped', stepMs });
}

/**
 * This machine's clocks, of which the wall clock said `nowMs`, and how far that was set forward
 * since the last run took its serial, ms.
 */
function readClockStep({ serialCopy: { clock }, authorityId }: Ledger, nowMs: number) {
  const machine = clock?.machine() ?? null;
  const reading = machine === null ? null : { ...machine, wallMs: nowMs };
  return { reading, stepMs: forwardStepMs(clock?.last(authorityId) ?? null, reading) };
}

/**
 * How far the clock that said `nowMs` is ahead of the one by which contacts are dated in the
 * ledger, ms: it was set forward since the last run took its
 * serial. Whoever holds a time of the ledger against the clock of now adds it.
 */
export const clockStepMs = (ledger: Ledger, nowMs: number): number =>
  readClockStep(ledger, nowMs).stepMs;

async function takeSerial(
  ledger: Ledger,
  command: string,
  nowMs: number,
  above: number,
): Promise<Run> {
  const nonce = randomUUID();
  const { clock } = ledger.serialCopy;
  const { reading, stepMs } = readClockStep(ledger, nowMs);
  const kept = ledger.serialCopy.read(ledger.authorityId);
  const serial = await ledger.db.transaction().execute(async (transaction) => {
    const last = await lastSerial(transaction);
    const next = Math.max(last, above, kept ?? 0) + 1;
    if (last > 0 && kept !== last)
      await markDoubt(transaction, 'it does not agree with the serial that is kept outside of it');
    await noticeClock(transaction, stepMs, nowMs);
    await insertRun(transaction, { serial: next, nonce, command, nowMs });
    return next;
  });
  ledger.serialCopy.write(ledger.authorityId, serial);
  // After the commit: a run that dies in between dates them once more, which is late and never
  // early.
  if (reading !== null) clock?.keep(ledger.authorityId, reading);
  return { authorityId: ledger.authorityId, serial, nonce };
}

const insertRun = preparedQuery<{ serial: number; nonce: string; command: string; nowMs: number }>(
  (db, value) =>
    db.insertInto('runs').values({
      serial: value('serial'),
      nonce: value('nonce'),
      command: value('command'),
      started_at: value('nowMs'),
    }),
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
const tokenOf = (command: string): string =>
  command === '' ? randomUUID() : `${command} ${randomUUID()}`;
const commandIn = (token: string): string => token.split(' ').slice(0, -1).join(' ');

/**
 * A process of this machine that is gone cannot release its lock: there is no need to wait for its
 * expiry.
 */
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
  /**
   * While `act` waits for a person, one command that may work beside a talk ({@link
   * LockRequest.besideTalks}) has its turn; one that is still at work when `act`
   * has ended is waited for. Errors: those of `act`; `lock-held` where that other command does not
   * end.
   */
  aside<T>(act: () => Promise<T>): Promise<T>;
}

/**
 * All that changes something; that its holder talks with a person; and whoever works beside that
 * talk.
 */
const lockNames = ['fleet', 'talk', 'beside'] as const;
type LockName = (typeof lockNames)[number];

/** How long a talk's command waits for the one that has worked beside it. */
const besideLimitMs = 10 * 60_000;

type LockRows = Partial<Readonly<Record<LockName, LockOwner & { readonly token: string }>>>;

/** Those that are held. */
async function heldLocks(db: LedgerDb, nowMs: number): Promise<LockRows> {
  const rows = await db.selectFrom('lock').selectAll().where('name', 'in', lockNames).execute();
  const held = rows.filter(({ expires_at }) => expires_at > nowMs);
  return Object.fromEntries(
    held.map((row) => [
      row.name,
      { host: row.owner_host, pid: row.owner_pid, command: commandIn(row.token), token: row.token },
    ]),
  );
}

/** Returns null when the lock is ours, otherwise who holds it. */
async function tryLock(
  db: LedgerDb,
  name: LockName,
  token: string,
  nowMs: number,
): Promise<LockOwner | null> {
  const mine = {
    owner_host: hostname(),
    owner_pid: process.pid,
    token,
    expires_at: nowMs + lockTtlMs,
  };
  await db
    .insertInto('lock')
    .values({ name, ...mine })
    .onConflict((c) => c.column('name').doUpdateSet(mine).where('lock.expires_at', '<=', nowMs))
    .execute();
  const { [name]: owner, beside } = await heldLocks(db, nowMs);
  if (owner === undefined) return tryLock(db, name, token, nowMs);
  if (owner.token === token) {
    if (name !== 'fleet' || beside === undefined || isGone(beside)) return null;
    // Of a talk whose command has died meanwhile.
    await dropLock(db, name, token);
    return beside;
  }
  if (!isGone(owner)) return owner;
  const taken = await db
    .updateTable('lock')
    .set(mine)
    .where('name', '=', name)
    .where('token', '=', owner.token)
    .executeTakeFirst();
  return taken.numUpdatedRows > 0n ? tryLock(db, name, token, nowMs) : owner;
}

/** The lock that is ours now, or who has it. */
async function tryTurn(
  db: LedgerDb,
  token: string,
  besideTalks: boolean,
): Promise<LockName | LockOwner> {
  const nowMs = Date.now();
  const holder = await tryLock(db, 'fleet', token, nowMs);
  if (holder === null) return 'fleet';
  if (!besideTalks || !(await isTalking(db, nowMs))) return holder;
  const other = await tryLock(db, 'beside', token, nowMs);
  if (other !== null) return other;
  // The talk may have ended meanwhile, and its command may not have seen this one.
  if (await isTalking(db, nowMs)) return 'beside';
  await dropLock(db, 'beside', token);
  return holder;
}

async function isTalking(db: LedgerDb, nowMs: number): Promise<boolean> {
  const { talk } = await heldLocks(db, nowMs);
  return talk !== undefined && !isGone(talk);
}

const dropLock = async (db: LedgerDb, name: LockName, token: string): Promise<void> => {
  await db.deleteFrom('lock').where('name', '=', name).where('token', '=', token).execute();
};

/** Keeps a lock from expiring until it is released. */
function keepLock({ db }: Ledger, name: LockName, token: string): Pick<RunLock, 'release'> {
  const heartbeat = setInterval(() => {
    // A missed beat is not fatal: the serial fences a run whose lock was taken over.
    db.updateTable('lock')
      .set({ expires_at: Date.now() + lockTtlMs })
      .where('name', '=', name)
      .where('token', '=', token)
      .execute()
      .catch(() => undefined);
  }, lockTtlMs / 4);
  heartbeat.unref();
  return {
    release: async () => {
      clearInterval(heartbeat);
      // One that cannot be given back, on a full disk, is free as soon as this process is gone:
      // what was done before is done all the same.
      await dropLock(db, name, token).catch(() => undefined);
    },
  };
}

async function nobodyBeside({ db }: Ledger): Promise<void> {
  const deadline = Date.now() + besideLimitMs;
  for (;;) {
    const { beside } = await heldLocks(db, Date.now());
    if (beside === undefined || isGone(beside)) return;
    if (Date.now() >= deadline) throw lockHeld(beside);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

const lockHeld = (holder: LockOwner): FleetError =>
  new FleetError('lock-held', `another fleet command is at work: ${describeOwner(holder)}`, {
    hint:
      'wait for it, or use --wait; after a crash the lock expires by itself within ' +
      `${lockTtlMs / 1000} s`,
  });

export interface LockRequest {
  /** What others are told while it works. */
  readonly command?: string;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
  /** It may also work while the command that has the lock only waits for a person. */
  readonly besideTalks?: boolean;
  /** Called once when it has to wait: for whom. */
  readonly onWait?: (text: string) => void;
}

/**
 * Takes the ledger's lock, waiting up to `waitMs` for another command to end; a lock whose owner
 * died expires after {@link lockTtlMs}.
 * Throws `lock-held` with its owner, `interrupted` when `signal` ends the wait.
 */
export async function takeLock(
  ledger: Ledger,
  waitMs: number,
  { command = '', signal, besideTalks = false, onWait = () => undefined }: LockRequest = {},
): Promise<RunLock> {
  const token = tokenOf(command);
  const deadline = Date.now() + waitMs;
  for (let tries = 0; ; tries += 1) {
    const turn = await tryTurn(ledger.db, token, besideTalks);
    if (typeof turn === 'string') return runLock(ledger, turn, token);
    if (Date.now() >= deadline) throw lockHeld(turn);
    if (signal?.aborted === true)
      throw new FleetError('interrupted', 'interrupted while another fleet command was at work', {
        hint: 'nothing was changed',
      });
    if (tries === 0) onWait(`waiting for another command to end: ${describeOwner(turn)}`);
    await new Promise((resolve) =>
      setTimeout(resolve, Math.min(500, Math.max(10, deadline - Date.now()))),
    );
  }
}

function runLock(ledger: Ledger, name: LockName, token: string): RunLock {
  return {
    ...keepLock(ledger, name, token),
    aside: async (act) => {
      // Nobody else can have it: the ledger's lock is ours.
      await tryLock(ledger.db, 'talk', token, Date.now());
      const talk = keepLock(ledger, 'talk', token);
      try {
        return await act();
      } finally {
        await talk.release();
        await nobodyBeside(ledger);
      }
    },
  };
}
