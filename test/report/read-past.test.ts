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
import { ensureHosts } from '../../src/ledger/queries/hosts.ts';
import { recordEvent, recordHistory, recordSample } from '../../src/ledger/queries/records.ts';
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
  readonly event: (
    minutes: number,
    kind: string,
    host: string | null,
    account: string | null,
    text?: string,
  ) => Promise<void>;
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
    event: (minutes, kind, host, account, text = '') =>
      recordEvent(ledger.db, { at: at(minutes), kind, host, account, text }),
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
  await event(1, 'account-online', 'h1', 'anna');
  await event(50, 'account-released', 'h1', 'anna', 'on its way to h2');
  await grant(50.5, 'h2', 'h1');
  await event(50 + 40 / 60, 'account-online', 'h2', 'anna');
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
  await event(0, 'host-initialised', 'h1', null);
  await event(0, 'host-initialised', 'h2', null);
  await grant(0, 'h1', null);
  await event(0, 'account-online', 'h1', 'anna');
  await event(10, 'host-suspect', 'h2', null);
  await event(20, 'host-healthy', 'h2', null);
  await event(40, 'host-suspect', 'h1', null);
  await event(43, 'host-down', 'h1', null);
  await grant(60, 'h2', 'h1');
  await event(61, 'account-online', 'h2', 'anna');
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
  await event(0, 'account-online', 'old', 'anna');
  await event(30, 'host-rebooted', 'old', null, 'back after 60 s');
  await event(
    30.5,
    'account-interrupted',
    'old',
    'anna',
    'not online for 20 s: its worker was started anew',
  );
  await event(60, 'host-renamed', 'h1', null, 'it was old until now');
  await event(80, 'host-rebooted', 'h1', null, 'back after 30 s');
  expect((await anna('h1')).offlineMs).toEqual({
    moves: 0,
    reboots: 2 * minute,
    telegram: 0,
    host: 0,
    operator: 0,
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
  await event(0, 'account-online', 'h1', 'anna');
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
