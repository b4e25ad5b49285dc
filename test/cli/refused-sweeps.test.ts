/**
 * A host that refuses the login is remembered between runs: cron's sweeps leave it alone for a
 * while, a person's command asks at once.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';
import { insertAccount, setAccountState, setPlacement } from '../../src/ledger/queries/accounts.ts';
import {
  ensureHosts,
  recordBootstrapped,
  recordUnreachable,
} from '../../src/ledger/queries/hosts.ts';
import { makeKey, missingSshd, startSshd, type TestSshd } from '../remote/sshd.ts';
import { type Folder, makeFolder, program } from './fleet-command.ts';
import { startOnTerminal } from './screen/on-terminal.ts';

vi.setConfig({ testTimeout: 120_000 });

interface World extends Folder {
  readonly sshd: TestSshd;
  /** Connections that ended before a login, as the host counts them. */
  readonly refused: () => number;
  readonly inventoryWith: (key: string) => Promise<void>;
  readonly ledgerSays: (sql: string) => unknown;
}

/** One host that is ready and runs anna; the operator has a key that it does not know. */
async function makeWorld(): Promise<World> {
  const sshd = await startSshd();
  onTestFinished(() => sshd.stop());
  const folder = await makeFolder(null);
  const wrong = join(folder.path, 'wrong');
  makeKey(wrong);
  const inventoryWith = async (key: string): Promise<void> => {
    const text = `version: 1
fleet: shop
vault: { path: vault, key: file:vault.key }
telegram: { api_id: 1, api_hash: env:API_HASH }
ssh: { user: ${sshd.user}, port: ${sshd.port}, identity_files: [${key}] }
defaults: { fence: { off: [touch, switched-off], verify: ['true'] } }
sweep: { down_after: 1s }
hosts: { h1: { address: 127.0.0.1 } }
`;
    await writeFile(join(folder.path, 'inventory.yaml'), text);
  };
  await inventoryWith(wrong);
  for (const words of [
    ['vault', 'create-key'],
    ['hosts', 'trust', '--yes'],
  ])
    expect(await folder.fleet(words)).toMatchObject({ code: 0 });
  const { db, close } = await openLedger(join(folder.path, 'fleet.db'));
  await ensureHosts(db, ['h1']);
  await recordBootstrapped(db, 'h1', 1, { release: 'x', holdAfterMs: 1_000 });
  const about = {
    user_id: null,
    data_centre: 2,
    is_bot: 0,
    source_format: 'telethon',
    vault_hash: 'h',
    imported_at: 1,
  };
  await insertAccount(db, { name: 'anna', key_id: '0'.padStart(32, '0'), ...about });
  await setPlacement(db, { account: 'anna', host: 'h1', epoch: 1, move_id: 'm', since: 1 });
  await setAccountState(db, 'anna', 'online', '', 1);
  // Long ago no connection came through; since then it was not asked.
  await recordUnreachable(db, 'h1', 2);
  await close();
  const ledgerSays = (sql: string): unknown => {
    const file = new Database(join(folder.path, 'fleet.db'));
    try {
      return /^select/i.test(sql) ? file.prepare(sql).get() : file.exec(sql);
    } finally {
      file.close();
    }
  };
  const refused = (): number =>
    sshd.log().match(/^Connection (?:closed|reset) by authenticating user/gm)?.length ?? 0;
  return { ...folder, sshd, refused, inventoryWith, ledgerSays };
}

interface Swept {
  readonly hosts: readonly {
    readonly health: string;
    readonly code: string | null;
    readonly online: number | null;
  }[];
  readonly failedOver: readonly string[];
  readonly errors: readonly { readonly hint: string }[];
}

describe.skipIf(missingSshd !== null)('a host that refuses the login', () => {
  test('is asked once by the first sweep of cron, not by the next ones, at once by a person; and is never failed over for it', async () => {
    const { fleet, path, refused, sshd, inventoryWith, ledgerSays } = await makeWorld();
    const sweep = async (): Promise<Swept> =>
      JSON.parse((await fleet(['sweep', '--auto-failover', '--json'])).stdout) as Swept;
    const swept = await sweep();
    expect(swept.hosts).toMatchObject([{ health: 'healthy', code: 'ssh-auth', online: null }]);
    expect(refused()).toBe(1);
    for (let again = 0; again < 3; again += 1) {
      const { hosts, failedOver, errors } = await sweep();
      expect([hosts, failedOver]).toMatchObject([
        [{ health: 'healthy', code: 'ssh-auth', online: null }],
        [],
      ]);
      expect(errors[0]?.hint).toMatch(/^it is asked again in \d+ s: /);
    }
    expect([
      refused(),
      ledgerSays("SELECT refusals, unreachable_since FROM hosts WHERE name = 'h1'"),
    ]).toEqual([1, { refusals: 1, unreachable_since: null }]);
    const status = (await fleet(['status'])).stdout;
    expect(status).toMatch(/has refused fleet’s login since .*refused once, sweeps ask again in/s);
    expect(status).toMatch(/anna\s+unknown/);

    // A person: doctor, and a sweep on a terminal.
    const doctor = await fleet(['doctor']);
    expect(refused()).toBe(2);
    expect(doctor.stdout).toMatch(/it has refused 2 logins since/);
    await startOnTerminal([program, 'sweep'], {
      cwd: path,
      env: { HOME: path, PATH: process.env.PATH ?? '' },
    }).ends();
    expect(refused()).toBe(3);

    // The pause has ended: one more.
    ledgerSays('UPDATE hosts SET refused_at = refused_at - 300000');
    await sweep();
    await sweep();
    expect(refused()).toBe(4);

    // Mended: whatever gets through ends it, for sweeps as well.
    await inventoryWith(sshd.userKey);
    await fleet(['status', '--live']);
    expect(ledgerSays("SELECT refusals, refused_since FROM hosts WHERE name = 'h1'")).toEqual({
      refusals: 0,
      refused_since: null,
    });
    expect((await sweep()).hosts[0]?.code).not.toBe('ssh-auth');
    expect(refused()).toBe(4);
  });
});
