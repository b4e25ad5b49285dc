import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLedger } from '../../../src/ledger/ledger.ts';
import { recordAcknowledged } from '../../../src/ledger/queries/host-machine.ts';
import { ensureHosts, listHosts } from '../../../src/ledger/queries/hosts.ts';
import { beginRun } from '../../../src/ledger/queries/runs.ts';
import { markStale } from '../../../src/ledger/queries/staleness.ts';
import { serialFindings } from '../../../src/workflows/checkup/serial-findings.ts';

const day = 86_400_000;

test('a host or a ledger that has fallen back is named with what to do, and nobody else', async () => {
  const ledger = await openLedger(join(mkdtempSync(join(tmpdir(), 'fleet-serials-')), 'fleet.db'));
  const { db, authorityId: id } = ledger;
  await ensureHosts(db, ['h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'h7']);
  for (const atMs of [1, 2, 3, 4, 5]) await beginRun(ledger, 'sweep', atMs);
  for (const name of ['h1', 'h2', 'h3', 'h5']) await recordAcknowledged(db, name, 4, null, day);
  await recordAcknowledged(db, 'h6', 3, null, day);
  await recordAcknowledged(db, 'h6', 5, 2, 2 * day);
  // What is acknowledged never falls.
  await recordAcknowledged(db, 'h1', 2, null, day);
  const heads: [] = [];
  const heard = [
    ['h1', { id, serial: 4, heads }],
    ['h2', { id, serial: 3, heads }],
    ['h3', null],
    // Never asked since the ledger keeps it, of another ledger, and one that does not say.
    ['h4', { id, serial: 1, heads }],
    ['h5', { id: 'another', serial: 1, heads }],
    ['h6', { id, serial: 5, heads }],
    ['h7', { id, heads }],
  ] as const;
  const find = async (nowMs: number, more: Parameters<typeof serialFindings>[1] = []) =>
    (
      await serialFindings(
        { ledger, now: () => nowMs },
        [...heard, ...more],
        new Map((await listHosts(db)).map((row) => [row.name, row])),
      )
    ).map(({ where, level, text, remedy }) => [where, level, text.slice(0, 80), remedy !== '']);
  const fallen = [
    [
      'h2',
      'critical',
      'it had acknowledged run 4 of this ledger, and knew only 3: its disk was put back',
      true,
    ],
    [
      'h3',
      'critical',
      'it had acknowledged run 4 of this ledger, and knows of none: it was installed an',
      true,
    ],
  ];
  expect(await find(3 * day)).toEqual([
    ...fallen,
    [
      'h6',
      'warning',
      'on 1970-01-03T00:00:00.000Z it knew only run 2 of this ledger, and had acknowled',
      true,
    ],
  ]);
  expect(await find(10 * day)).toEqual(fallen);
  expect(await find(10 * day, [['h1', { id, serial: 6, heads }]])).toEqual([
    ...fallen,
    [
      'h1',
      'critical',
      'this ledger is an old copy and read-only: h1 has obeyed its run 6, and its last ',
      true,
    ],
  ]);
  await markStale(db, 'it was restored');
  expect(await find(10 * day)).toEqual([]);
  await ledger.close();
});
