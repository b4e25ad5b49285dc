/**
 * What the ledger knows of the past, as minutes offline by cause: also of what lies between two
 * sweeps.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { AccountSample, HostSample } from '../../hostside/protocol/sample.ts';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import { insertAccount, setAccountState, setPlacement } from '../../src/ledger/queries/accounts.ts';
import { recordEvent } from '../../src/ledger/queries/events.ts';
import { ensureHosts } from '../../src/ledger/queries/hosts.ts';
import { recordHistory, recordSample } from '../../src/ledger/queries/records.ts';
import type { LedgerEvent } from '../../src/model/events/event.ts';
import type { HostSpec } from '../../src/model/inventory.ts';
import { type Availability, accountAvailability } from '../../src/report/availability.ts';
import { readPast } from '../../src/workflows/checkup/read-past.ts';
import type { FleetContext } from '../../src/workflows/context.ts';
import { recordStates } from '../../src/workflows/hosts/record-states.ts';

const minute = 60_000;
const startMs = Date.UTC(2026, 10, 1);
const at = (minutes: number): number => startMs + minutes * minute;

interface Told {
  readonly ledger: Ledger;
  readonly event: (minutes: number, event: LedgerEvent) => Promise<void>;
  /** As ledgers of before 2026-11-30 have it. */
  readonly former: (
    minutes: number,
    kind: string,
    subject: object,
    text: string,
  ) => Promise<unknown>;
  readonly grant: (minutes: number, to: string, from: string | null) => Promise<void>;
  /** The first 100 minutes of the account `anna`. */
  readonly anna: (host: string) => Promise<Availability>;
}

async function told(): Promise<Told> {
  const folder = await mkdtemp(join(tmpdir(), 'fleet-past-'));
  const ledger = await openLedger(join(folder, 'fleet.db'));
  onTestFinished(async () => {
    await ledger.close();
    await rm(folder, { recursive: true });
  });
  return {
    ledger,
    event: (minutes, event) => recordEvent(ledger.db, { at: at(minutes), ...event }),
    former: (minutes, kind, subject, text) =>
      ledger.db
        .insertInto('events')
        .values({ at: at(minutes), kind, host: null, account: null, ...subject, text })
        .execute(),
    grant: (minutes, to, from) =>
      recordHistory(ledger.db, {
        ...{
          at: at(minutes),
          account: 'anna',
          host: to,
          from_host: from,
          type: 'rebalance',
          score: null,
          strategy: null,
        },
        ...{ reason: '', move_id: `m${minutes}`, decision_json: '{}' },
      }),
    anna: async (host) => {
      const past = await readPast({ ledger } as FleetContext);
      const window = { from: startMs, to: at(100) };
      return accountAvailability(
        past.accounts.get('anna') ?? [],
        past.outagesOf({ name: 'anna', host }, window.to),
        window,
      );
    },
  };
}

it('a move of 40 seconds counts from the stop on its old host to the start on its new one', async () => {
  const { event, grant, anna } = await told();
  await grant(0, 'h1', null);
  await event(1, { kind: 'account-online', account: 'anna', host: 'h1', reason: '' });
  await event(50, { kind: 'account-released', account: 'anna', host: 'h1', to: 'h2' });
  await grant(50.5, 'h2', 'h1');
  await event(50 + 40 / 60, { kind: 'account-online', account: 'anna', host: 'h2', reason: '' });
  const { offlineMs, onlineMs } = await anna('h2');
  expect(offlineMs).toEqual({
    moves: minute + 40_000,
    reboots: 0,
    telegram: 0,
    host: 0,
    operator: 0,
  });
  expect(onlineMs).toBe(100 * minute - minute - 40_000);
});

it('a host that fell silent counts for the accounts that it had then, not for those that it has now', async () => {
  const { event, grant, anna } = await told();
  await event(0, { kind: 'host-initialised', host: 'h1', release: 'r' });
  await event(0, { kind: 'host-initialised', host: 'h2', release: 'r' });
  await grant(0, 'h1', null);
  await event(0, { kind: 'account-online', account: 'anna', host: 'h1', reason: '' });
  await event(10, { kind: 'host-suspect', host: 'h2', reason: '' });
  await event(20, { kind: 'host-healthy', host: 'h2' });
  await event(40, { kind: 'host-suspect', host: 'h1', reason: '' });
  await event(43, { kind: 'host-down', host: 'h1', reason: '' });
  await grant(60, 'h2', 'h1');
  await event(61, { kind: 'account-online', account: 'anna', host: 'h2', reason: '' });
  expect((await anna('h2')).offlineMs).toEqual({
    moves: minute,
    reboots: 0,
    telegram: 0,
    host: 20 * minute,
    operator: 0,
  });
});

it('an announced reboot counts until the worker is online again, whoever the host is called today', async () => {
  const { event, grant, anna } = await told();
  await grant(0, 'old', null);
  await event(0, { kind: 'account-online', account: 'anna', host: 'old', reason: '' });
  await event(30, { kind: 'host-rebooted', host: 'old', downMs: 60_000 });
  await event(30.5, {
    kind: 'account-interrupted',
    account: 'anna',
    host: 'old',
    lastedMs: 20_000,
    isRestart: true,
  });
  await event(60, { kind: 'host-renamed', host: 'h1', before: 'old' });
  await event(80, { kind: 'host-rebooted', host: 'h1', downMs: 30_000 });
  expect((await anna('h1')).offlineMs).toEqual({
    moves: 0,
    reboots: 2 * minute,
    telegram: 0,
    host: 0,
    operator: 0,
  });
});

it('a ledger of before 2026-11-30 tells the same in its sentences', async () => {
  const { former, grant, anna } = await told();
  await grant(0, 'old', null);
  await former(0, 'account-online', { host: 'old', account: 'anna' }, '');
  await former(10, 'host-suspect', { host: 'old' }, 'no answer');
  await former(20, 'host-healthy', { host: 'old' }, 'it answers again');
  await former(30, 'host-rebooted', { host: 'old' }, 'back after 60 s');
  const started = 'not online for 20 s: its worker was started anew';
  await former(30.5, 'account-interrupted', { host: 'old', account: 'anna' }, started);
  await former(60, 'host-renamed', { host: 'h1' }, 'it was old until now');
  await former(70, 'account-released', { host: 'h1', account: 'anna' }, 'on its way to h2');
  await grant(72, 'h2', 'h1');
  await former(75, 'account-online', { host: 'h2', account: 'anna' }, '');
  await former(80, 'host-rebooted', { host: 'h2' }, 'back after 30 s');
  expect((await anna('h2')).offlineMs).toEqual({
    ...{ moves: 5 * minute, reboots: 2 * minute, telegram: 0, host: 10 * minute, operator: 0 },
  });
});

it('what happens between two sweeps counts as the worker tells it, and states begin when it says so', async () => {
  const { ledger, anna, grant, event } = await told();
  const keyId = 'a'.repeat(32);
  await ensureHosts(ledger.db, ['h1']);
  const about = {
    user_id: null,
    data_centre: 2,
    is_bot: 0,
    source_format: 'telethon',
    vault_hash: 'h',
    imported_at: startMs,
  };
  await insertAccount(ledger.db, { name: 'anna', key_id: keyId, ...about });
  await grant(0, 'h1', null);
  await setPlacement(ledger.db, {
    account: 'anna',
    host: 'h1',
    epoch: 1,
    move_id: 'm0',
    since: startMs,
  });
  await setAccountState(ledger.db, 'anna', 'online', '', startMs);
  await event(0, { kind: 'account-online', account: 'anna', host: 'h1', reason: '' });
  /** A sweep; the host's clock is an hour ahead. */
  const sweep = async (
    minutes: number,
    state: 'online' | 'flood-wait',
    sinceMinutes: number,
    offlineMs: number,
    connects: number,
  ) => {
    const hostMs = (m: number): number => at(m) + 60 * minute;
    const account = {
      ...{
        keyId,
        account: 'anna',
        unit: { activeState: 'active', subState: 'running', restarts: 0, exitStatus: null },
        statusFault: null,
      },
      status: {
        state,
        since: new Date(hostMs(sinceMinutes)).toISOString(),
        reason: '',
        userId: null,
        counters: { offline_ms: offlineMs, connects },
      },
    } as unknown as AccountSample;
    const sample = {
      host: { name: 'h1' },
      takenAtMs: hostMs(minutes),
      bootVerdict: null,
      accounts: [account],
    } as unknown as HostSample;
    await recordSample(ledger.db, 'h1', at(minutes), JSON.stringify(sample));
    const context = { ledger, now: () => at(minutes) } as unknown as FleetContext;
    await recordStates(context, [
      { host: { name: 'h1' } as HostSpec, sample, takenAtMs: at(minutes), problem: null },
    ]);
  };
  await sweep(10, 'online', 0, 2_000, 1);
  // It lost its connection for 42 s.
  await sweep(20, 'online', 15, 44_000, 2);
  await sweep(25, 'online', 15, 44_000, 2);
  // It has begun a flood wait at 28, and says so at 30.
  await sweep(30, 'flood-wait', 28, 44_000, 2);
  await sweep(40, 'online', 33, 344_000, 2);
  // Its worker was started anew, and needed 9 s.
  await sweep(50, 'online', 45, 9_000, 1);
  for (const minutes of [60, 70, 80]) await sweep(minutes, 'online', 45, 9_000, 1);
  const { offlineMs } = await anna('h1');
  expect(offlineMs).toEqual({
    moves: 0,
    reboots: 0,
    telegram: 5 * minute + 42_000,
    host: 9_000,
    operator: 0,
  });
});
