/** Every option of all commands does what help says, and every `ls` is its `list`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { expect, test, vi } from 'vitest';
import { buildProgram } from '../../src/cli/program.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { insertAccount, setAccountState } from '../../src/ledger/queries/accounts.ts';
import { takeLock } from '../../src/ledger/queries/runs.ts';
import { type Folder, makeFolder } from './fleet-command.ts';

vi.setConfig({ testTimeout: 240_000 });

/** A host whose port nobody listens on: what talks to it fails at once. */
const closed = `version: 1
fleet: shop
vault: { path: vault, key: file:vault.key }
telegram: { api_id: 1, api_hash: env:API_HASH }
hosts: { web-1: { address: 127.0.0.1, ssh: { port: 1 } }, web-2: { address: 127.0.0.1, ssh: { port: 2 } } }
`;

type Try = (folder: Folder) => Promise<void>;
const colour = new RegExp(`${String.fromCharCode(27)}\\[`);

async function insertAnna({ path }: Folder, reason: string): Promise<void> {
  const ledger = await openLedger(join(path, 'fleet.db'));
  const about = {
    user_id: null,
    data_centre: 2,
    is_bot: 0,
    source_format: 'telethon',
    vault_hash: 'h',
    imported_at: 1,
  };
  await insertAccount(ledger.db, {
    name: 'anna',
    key_id: '0'.repeat(32),
    ...about,
    display_name: null,
  });
  await setAccountState(ledger.db, 'anna', 'offline', reason, 1);
  await ledger.close();
}

const tries: Readonly<Record<string, Try>> = {
  '--version': async ({ fleet }) =>
    expect((await fleet(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\S*\n$/),
  '--inventory': async ({ path, fleet }) => {
    await writeFile(join(path, 'other.yaml'), closed.replace('fleet: shop', 'fleet: other'));
    expect((await fleet(['-i', 'other.yaml', 'status'])).stdout).toContain('other: ');
    expect(
      (await fleet(['status'], { FLEET_INVENTORY: join(path, 'other.yaml') })).stdout,
    ).toContain('other: ');
  },
  '--limit': async ({ fleet }) => {
    const { stdout } = await fleet(['hosts', 'list', '--limit', 'web-*', '-l', '!web-1']);
    expect([stdout.includes('web-2'), stdout.includes('web-1')]).toEqual([true, false]);
  },
  '--json': async ({ fleet }) =>
    expect(JSON.parse((await fleet(['status', '--json'])).stdout)).toMatchObject({
      version: 1,
      ok: true,
    }),
  '--events': async ({ fleet }) => {
    const { stderr } = await fleet(['check', '--stage', 'host', '--events', '--json']);
    const events = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { version: number; kind: string });
    expect(events.length).toBeGreaterThan(0);
    for (const event of events)
      expect(event).toMatchObject({ version: 1, kind: expect.any(String) });
  },
  '--wide': async (folder) => {
    await insertAnna(folder, 'because '.repeat(20));
    const widest = async (...more: string[]) =>
      Math.max(
        ...(await folder.fleet(['accounts', 'list', ...more], { COLUMNS: '80' })).stdout
          .split('\n')
          .map((line) => line.length),
      );
    expect(await widest('--wide')).toBeGreaterThan(150);
  },
  '--no-color': async (folder) => {
    await insertAnna(folder, '');
    expect((await folder.fleet(['accounts', 'list'], { FORCE_COLOR: '1' })).stdout).toMatch(colour);
    expect(
      (await folder.fleet(['accounts', 'list', '--no-color'], { FORCE_COLOR: '1' })).stdout,
    ).not.toMatch(colour);
  },
  // What it does on a terminal is in pager.test.ts.
  '--no-pager': async ({ fleet }) => expect((await fleet(['status', '--no-pager'])).code).toBe(0),
  '--quiet': async ({ fleet }) => {
    const said = async (...more: string[]) =>
      (await fleet(['check', '--stage', 'host', ...more])).stderr
        .split('\n')
        .filter((line) => /^\d\d:\d\d:\d\d /.test(line));
    expect((await said()).length).toBeGreaterThan(0);
    expect(await said('--quiet')).toEqual([]);
    // Errors stay.
    expect((await fleet(['exec', 'web-1', '-q', '--', 'true'])).stderr).toContain('✗ ');
  },
  '--verbose': async ({ path, fleet }) => {
    await fleet(['vault', 'create-key']);
    await writeFile(join(path, 'x.txt'), 'nonsense');
    const said = async (...more: string[]) =>
      (await fleet(['accounts', 'import', 'x.txt', '--yes', ...more])).stderr;
    expect(await said()).not.toContain('reading file 1 of 1');
    expect(await said('--verbose')).toContain('reading file 1 of 1');
  },
  '--yes': async ({ fleet }) => {
    expect((await fleet(['vault', 'create-key'])).code).toBe(0);
    expect((await fleet(['vault', 'rotate-key'])).stderr).toContain('add --yes');
    expect((await fleet(['vault', 'rotate-key', '-y'])).code).toBe(0);
  },
  '--wait': async ({ path, fleet }) => {
    const ledger = await openLedger(join(path, 'fleet.db'));
    const lock = await takeLock(ledger, 0);
    try {
      expect((await fleet(['hosts', 'cordon', 'web-1', '--wait', '1s'])).code).toBe(5);
      const waiting = fleet(['hosts', 'cordon', 'web-1', '--wait', '2m']);
      await lock.release();
      expect((await waiting).code).toBe(0);
    } finally {
      await lock.release();
      await ledger.close();
    }
    expect((await fleet(['status', '--wait', 'long'])).stderr).toMatch(
      /--wait must be a length of time [^\n]* \(got "long"\)\n {2}→ for example --wait 30s/,
    );
  },
};

test('no option of all commands is left out', () => {
  expect(Object.keys(tries).toSorted()).toEqual(
    buildProgram()
      .options.map(({ long }) => long)
      .toSorted(),
  );
});

test.each(Object.entries(tries))('%s', async (_, attempt) => attempt(await makeFolder(closed)));

test('ls is list, wherever there is one, and says the same', async () => {
  const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];
  const lists = all(buildProgram()).filter((command) => command.name() === 'list');
  expect(lists.length).toBeGreaterThan(3);
  for (const list of lists) expect(list.aliases()).toEqual(['ls']);
  const folder = await makeFolder(closed);
  await mkdir(join(folder.path, 'backups'));
  for (const list of lists) {
    const words = [list.parent?.name() ?? ''];
    const [long, short] = [
      await folder.fleet([...words, 'list']),
      await folder.fleet([...words, 'ls']),
    ];
    expect({ words, ...short }).toEqual({ words, ...long });
  }
});
