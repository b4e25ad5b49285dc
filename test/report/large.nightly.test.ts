/** A report of 1,000 hosts and 5,000 accounts, from a ledger with three months behind it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { expect, it, onTestFinished } from 'vitest';
import { parseInventory } from '../../src/inventory/parse-inventory.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { insertAccount, setPlacement } from '../../src/ledger/queries/accounts.ts';
import { recordEvent } from '../../src/ledger/queries/events.ts';
import { ensureHosts } from '../../src/ledger/queries/hosts.ts';
import { recordHistory, recordSample } from '../../src/ledger/queries/records.ts';
import { reportPage } from '../../src/report/page.ts';
import { readReport } from '../../src/workflows/checkup/read-report.ts';
import type { FleetContext } from '../../src/workflows/context.ts';

const [hostCount, accountCount] = [1000, 5000];
const nowMs = Date.UTC(2026, 10, 30, 12);
const [hourMs, dayMs] = [3_600_000, 86_400_000];
const hostNames = Array.from({ length: hostCount }, (_, n) => `host-${n}`);
const hostOf = (n: number): string => hostNames[n % hostCount] ?? '';

/** As an agent sends it, with five accounts. */
const sampleOf = (n: number, takenAtMs: number) => ({
  ...{
    protocol: 2,
    takenAtMs,
    bootVerdict: null,
    agent: { version: '1', release: 'r1', startedAtMs: 0 },
  },
  host: {
    name: hostOf(n),
    instanceId: `i${n}`,
    bootId: 'b',
    uptimeSeconds: 1,
    os: 'Debian',
    kernel: '6',
    arch: 'x64',
  },
  cpu: { cores: 2, busyRatio: { now: 0.3, m1: 0.3, m5: 0.3, m15: ((n * 7) % 100) / 100 } },
  memory: { totalBytes: 4e9, availableBytes: 2e9, swapTotalBytes: 0, swapFreeBytes: 0 },
  ...{
    disk: { totalBytes: 1e10, freeBytes: 5e9 },
    loadAverage: [0.1, 0.2, 0.3],
    pressure: { cpu: 0.1, memory: 0, io: 0 },
  },
  clock: { synchronized: true, offsetMs: 1 },
  accounts: Array.from({ length: 5 }, (_, index) => ({
    ...{
      keyId: `${n + index * hostCount}`.padStart(32, '0'),
      account: `account-${n + index * hostCount}`,
      claim: { state: 'active', epoch: 1 },
    },
    ...{ memoryBytes: 40e6, statusFault: null, cpuCores: { m1: 0.02, m5: null, m15: null } },
    unit: { activeState: 'active', subState: 'running', restarts: 0, exitStatus: null },
    status: {
      state: 'online',
      since: '',
      reason: '',
      userId: '1',
      until: null,
      latencyMs: 40,
      counters: { received: 1, answered: 1 },
    },
  })),
});

it('is read and written; its size is bounded', { timeout: 600_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fleet-large-'));
  const ledger = await openLedger(join(folder, 'fleet.db'));
  onTestFinished(async () => {
    await ledger.close();
    await rm(folder, { recursive: true });
  });
  const hosts = hostNames.map(
    (name, n) =>
      `  ${name}: { address: 10.0.${Math.floor(n / 250)}.${(n % 250) + 1}, zone: zone-${n % 5} }`,
  );
  const text =
    'version: 1\nfleet: large\nvault: { key: env:K }\ntelegram: { api_id: 1, api_hash: env:H ' +
    `}\nhosts:\n${hosts.join('\n')}\n`;
  const inventory = parseInventory(text, { path: join(folder, 'inventory.yaml'), home: folder });
  await ledger.db.transaction().execute(async (db) => {
    await ensureHosts(db, hostNames);
    await sql`UPDATE hosts SET release = 'r1', bootstrapped_at = 1`.execute(db);
    for (let n = 0; n < accountCount; n += 1) {
      const [name, host, keyId] = [`account-${n}`, hostOf(n), `${n}`.padStart(32, '0')];
      const about = {
        user_id: null,
        data_centre: 2,
        is_bot: 0,
        source_format: 'telethon',
        vault_hash: 'h',
        imported_at: nowMs - 90 * dayMs,
      };
      await insertAccount(db, { name, key_id: keyId, ...about });
      await setPlacement(db, {
        account: name,
        host,
        epoch: 1,
        move_id: `m${n}`,
        since: nowMs - 90 * dayMs,
      });
      const grant = {
        account: name,
        host,
        from_host: null,
        type: 'initial',
        score: 1,
        strategy: 'even',
        reason: 'it has room',
      } as const;
      await recordHistory(db, {
        ...grant,
        at: nowMs - 90 * dayMs,
        move_id: `m${n}`,
        decision_json: '{}',
      });
      for (let each = 0; each < 16; each += 1) {
        const kind = each % 2 === 0 ? 'account-online' : 'account-reconnecting';
        await recordEvent(db, {
          at: nowMs - (90 - each * 5) * dayMs + n,
          kind,
          host,
          account: name,
          reason: '',
        });
      }
      await sql`UPDATE accounts SET state = 'online' WHERE name = ${name}`.execute(db);
    }
    for (const [n, host] of hostNames.entries()) {
      for (let each = 0; each < 8; each += 1) {
        const at = nowMs - (90 - each * 10) * dayMs + n;
        await recordEvent(
          db,
          each % 2 === 0
            ? { at, kind: 'host-healthy', host }
            : { at, kind: 'host-suspect', host, reason: '' },
        );
      }
      for (let day = 14; day >= 0; day -= 1)
        await recordSample(
          db,
          host,
          nowMs - day * dayMs - hourMs,
          JSON.stringify(sampleOf(n, nowMs - day * dayMs - hourMs)),
        );
    }
  });
  const begunMs = performance.now();
  const report = await readReport(
    { inventory, ledger, now: () => nowMs } as unknown as FleetContext,
    3,
  );
  const readMs = performance.now();
  const page = reportPage(report);
  const drawnMs = performance.now();
  const megabytes = Buffer.byteLength(page) / 1e6;
  console.log(
    `${hostCount} hosts, ${accountCount} accounts, 88,000 events: read ` +
      `${Math.round(readMs - begunMs)} ms, drawn ${Math.round(drawnMs - readMs)} ms, ` +
      `${megabytes.toFixed(2)} MB`,
  );
  expect(report.accounts).toHaveLength(accountCount);
  expect(report.accounts.every(({ months }) => (months[0]?.judgedMs ?? 0) > 0)).toBe(true);
  expect(report.trend.length).toBeGreaterThan(10);
  expect(megabytes).toBeLessThan(5);
});
