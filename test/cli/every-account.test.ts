/**
 * Every account of the ledger is on every screen, in whatever state and wherever it is; what its
 * host's silence hides is unknown, and since when.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';
import { insertAccount, setAccountState, setPlacement } from '../../src/ledger/queries/accounts.ts';
import { ensureHosts, recordUnreachable } from '../../src/ledger/queries/hosts.ts';
import type { AccountState } from '../../src/model/account-state.ts';
import { makeFolder } from './fleet-command.ts';

vi.setConfig({ testTimeout: 240_000 });

/** What a worker has said; of a silent host nobody knows it now. */
const reported: readonly AccountState[] = [
  'placed',
  'online',
  'reconnecting',
  'flood-wait',
  'offline',
  'held',
  'stopped',
  'contained',
];
const final: readonly AccountState[] = [
  'needs-login',
  'duplicated',
  'banned',
  'misconfigured',
  'removing',
];
const silentSinceMs = Date.UTC(2026, 10, 29, 8, 15);

test('status, accounts, top and the report', async () => {
  const { path, fleet } = await makeFolder();
  const ledger = await openLedger(join(path, 'fleet.db'));
  // web-2 fell silent, web-9 is in no inventory.
  await ensureHosts(ledger.db, ['web-1', 'web-2', 'web-9']);
  await recordUnreachable(ledger.db, 'web-2', silentSinceMs);
  const places = ['web-1', 'web-2', 'web-9', null] as const;
  const states = [...reported, ...final, 'stored', 'detached'] as const;
  const all = places.flatMap((host) =>
    states.map((state) => ({ name: `${state}-${host ?? 'nowhere'}`, host, state })),
  );
  for (const [index, { name, host, state }] of all.entries()) {
    const about = {
      user_id: null,
      data_centre: 2,
      is_bot: 0,
      source_format: 'telethon',
      vault_hash: 'h',
      imported_at: 1,
    };
    await insertAccount(ledger.db, { name, key_id: `${index}`.padStart(32, '0'), ...about });
    if (host !== null)
      await setPlacement(ledger.db, { account: name, host, epoch: 1, move_id: 'm', since: 1 });
    await setAccountState(ledger.db, name, state, '', 1);
  }
  await ledger.close();
  for (const screen of [['status'], ['accounts', 'list'], ['top']]) {
    const { stdout } = await fleet(screen);
    for (const { name } of all) expect(stdout, screen.join(' ')).toContain(name);
    const { accounts } = JSON.parse((await fleet([...screen, '--json'])).stdout) as {
      accounts: { name: string; state: string; reason: string }[];
    };
    expect(accounts.map(({ name }) => name).toSorted()).toEqual(
      all.map(({ name }) => name).toSorted(),
    );
    const hidden = accounts.filter(
      ({ name }) => name.endsWith('-web-2') && reported.some((state) => name === `${state}-web-2`),
    );
    expect(hidden).toHaveLength(reported.length);
    for (const { name, state, reason } of hidden)
      expect([screen, name, state, reason]).toEqual([
        screen,
        name,
        'unknown',
        expect.stringContaining('no connection since 2026-11-29 08:15Z; last report:'),
      ]);
    const told = accounts.filter(({ name }) => final.some((state) => name === `${state}-web-2`));
    for (const { name, state } of told) expect(name).toBe(`${state}-web-2`);
  }
  await fleet(['report', '--output', 'report.html']);
  const report = await readFile(join(path, 'report.html'), 'utf8');
  for (const { name } of all) expect(report).toContain(name);
});
