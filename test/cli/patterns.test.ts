/** Patterns over names of accounts and hosts, and lists that are filtered and sorted. */
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';
import { insertAccount, setAccountState, setPlacement } from '../../src/ledger/queries/accounts.ts';
import { ensureHosts, listHosts } from '../../src/ledger/queries/hosts.ts';
import { meantInput } from '../../src/verbs/meant-input.ts';
import { verbs } from '../../src/verbs/registry.ts';
import { type Folder, makeFolder } from './fleet-command.ts';

vi.setConfig({ testTimeout: 240_000 });

/**
 * `shop-*` are two accounts, `web-9` is called like no host of the inventory but like hosts are;
 * what people call one of them looks like a pattern.
 */
const accounts = [
  { name: 'shop-1', state: 'online', host: 'web-2', since: 30, called: null },
  { name: 'shop-2', state: 'offline', host: 'web-1', since: 10, called: null },
  { name: 'web-9', state: 'stored', host: null, since: 40, called: null },
  { name: 'anna', state: 'needs-login', host: 'web-1', since: 20, called: 'shop*' },
] as const;

async function makeFleet(): Promise<Folder> {
  const folder = await makeFolder();
  const ledger = await openLedger(join(folder.path, 'fleet.db'));
  await ensureHosts(ledger.db, ['web-1', 'web-2', 'web-gone']);
  for (const [index, { name, state, host, since, called }] of accounts.entries()) {
    const about = {
      user_id: null,
      data_centre: 2,
      is_bot: 0,
      source_format: 'telethon',
      vault_hash: 'h',
      imported_at: 1,
    };
    await insertAccount(ledger.db, {
      name,
      key_id: `${index}`.padStart(32, '0'),
      ...about,
      display_name: called,
    });
    if (host !== null)
      await setPlacement(ledger.db, { account: name, host, epoch: 1, move_id: 'm', since: 1 });
    await setAccountState(ledger.db, name, state, '', since);
  }
  await ledger.close();
  return folder;
}

const wordFor = (of: 'account' | 'host', { path }: Folder, pattern: string) =>
  Promise.all(
    verbs.flatMap((verb) =>
      Object.entries(verb.input)
        .filter(
          ([, field]) => field.of === of && field.among === undefined && field.isExact !== true,
        )
        .map(async ([key, field]) => {
          const input = { [key]: field.isMany ? [pattern] : pattern, limit: [] };
          const meant = await meantInput(verb, input, {
            inventory: join(path, 'inventory.yaml'),
          }).catch((error: unknown) => error);
          return {
            verb: verb.name,
            isMany: field.isMany === true,
            meant: meant instanceof Error ? meant.message : Reflect.get(meant as object, key),
          };
        }),
    ),
  );

describe('patterns', () => {
  test('mean accounts wherever accounts are named: all that match, or the only one, and never a host', async () => {
    const folder = await makeFleet();
    const found = await wordFor('account', folder, 'shop-*');
    expect(found.length).toBeGreaterThanOrEqual(20);
    for (const { verb, isMany, meant } of found)
      expect([verb, meant]).toEqual([
        verb,
        isMany ? ['shop-1', 'shop-2'] : `"shop-*" matches 2 accounts; fleet ${verb} takes one`,
      ]);
    for (const { isMany, meant } of await wordFor('account', folder, 'web-*'))
      expect(meant).toEqual(isMany ? ['web-9'] : 'web-9');
    for (const { meant } of await wordFor('account', folder, 'web-[12]'))
      expect(meant).toBe('no account matches "web-[12]"');
    // What people call an account comes first, so that it stays reachable.
    for (const { isMany, meant } of await wordFor('account', folder, 'shop*'))
      expect(meant).toEqual(isMany ? ['anna'] : 'anna');
  });

  test('mean hosts wherever a host is named, those that left the inventory too, and never an account', async () => {
    const folder = await makeFleet();
    const found = await wordFor('host', folder, 'web-?');
    expect(found.length).toBeGreaterThanOrEqual(8);
    for (const { verb, isMany, meant } of found)
      expect([verb, meant]).toEqual([
        verb,
        isMany ? ['web-1', 'web-2'] : `"web-?" matches 2 hosts; fleet ${verb} takes one`,
      ]);
    for (const { isMany, meant } of await wordFor('host', folder, '*gone'))
      expect(meant).toEqual(isMany ? ['web-gone'] : 'web-gone');
    for (const { meant } of await wordFor('host', folder, 'shop-*'))
      expect(meant).toBe('no host matches "shop-*"');
  });

  test('on the command line: one that matches nothing ends with 2, changes nothing, and all such words are named', async () => {
    const { path, fleet } = await makeFleet();
    const nobody = await fleet(['accounts', 'remove', 'shop-1', 'tele-*', '--yes']);
    expect(nobody).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('✗ no account matches "tele-*"'),
    });
    const both = await fleet(['accounts', 'stop', 'tele-*', 'x?', '--yes']);
    expect(both).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/2 words name nobody[\s\S]*tele-\*[\s\S]*x\?/),
    });
    expect((await fleet(['hosts', 'cordon', 'web-[0-9]', '--reason', 'test'])).stdout).toBe(
      'web-1, web-2 cordoned\n',
    );
    const stated = await fleet(['failover', 'web-*', '--destroyed', '--yes']);
    expect(stated).toMatchObject({ code: 2, stderr: expect.stringContaining('web-*') });
    const ledger = await openLedger(join(path, 'fleet.db'));
    const cordoned = (await listHosts(ledger.db))
      .filter((row) => row.cordoned === 1)
      .map(({ name }) => name);
    await ledger.close();
    expect(cordoned).toEqual(['web-1', 'web-2']);
    expect(await fleet(['allocate', 'shop-*', '--dry-run'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Nothing to allocate: every account has a host'),
    });
  });
});

const empty =
  'version: 1\nfleet: empty\nvault: { key: "file:k" }\ntelegram: { api_id: 1, api_hash: ' +
  '"env:H" }\nhosts: {}\n';

test('an inventory without hosts: what would act on hosts asks nothing, waits for nothing, and says how to add one', async () => {
  const { fleet } = await makeFolder(empty);
  const all = [
    ['hosts', 'list'],
    ['hosts', 'trust'],
    ['init'],
    ['patch', '--rolling'],
    ['reboot', '--rolling'],
    ['rankings'],
    ['top', '--once'],
    ['status'],
  ];
  for (const args of [...all, ['simulate', '--scale', '2']]) {
    const { code, stdout, stderr } = await fleet(args);
    expect({ args, code, stderr, stdout }).toEqual({
      args,
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('No hosts yet: fleet hosts add NAME ADDRESS'),
    });
  }
  const { stderr } = await fleet(['check', '--for', '1h']);
  expect(stderr).not.toContain('watching the load');
});

describe('lists', () => {
  const names = async (
    { fleet }: Folder,
    args: readonly string[],
    of: 'accounts' | 'hosts',
  ): Promise<string[]> =>
    (JSON.parse((await fleet([...args, '--json'])).stdout)[of] as { name: string }[]).map(
      ({ name }) => name,
    );

  test('by state and in an order', async () => {
    const folder = await makeFleet();
    for (const list of [['accounts', 'list'], ['status']]) {
      const listed = (...more: string[]) => names(folder, [...list, ...more], 'accounts');
      expect(await listed()).toEqual(['anna', 'shop-1', 'shop-2', 'web-9']);
      expect(await listed('--state', 'offline,needs-login', '--sort', 'since')).toEqual([
        'shop-2',
        'anna',
      ]);
      expect(await listed('--state', 'stored', '--state', 'online')).toEqual(['shop-1', 'web-9']);
      expect(await listed('--sort', 'host')).toEqual(['anna', 'shop-2', 'shop-1', 'web-9']);
    }
    const { stdout } = await folder.fleet(['accounts', 'list', '--state', 'banned']);
    expect(stdout).toBe('None of the 4 accounts matches --state and --limit.\n');
    // The first line counts all accounts, whichever are listed.
    expect((await folder.fleet(['status', '--state', 'banned'])).stdout).toContain('4 accounts (');
  });

  test('hosts by state, score and what they run', async () => {
    const folder = await makeFleet();
    expect(await names(folder, ['hosts', 'list', '--state', 'up'], 'hosts')).toEqual([]);
    expect(await names(folder, ['hosts', 'list', '--sort', 'accounts'], 'hosts')).toEqual([
      'web-1',
      'web-2',
    ]);
    expect((await folder.fleet(['hosts', 'list', '--state', 'up'])).stdout).toContain(
      'None of the 2 hosts matches',
    );
  });

  test.for([
    [
      ['status', '--state', 'offlin'],
      /--state must be stored, [\s\S]* or unknown \(got "offlin"\)\n {2}→ for example --state offline/,
    ],
    [
      ['hosts', 'list', '--sort', 'size'],
      /--sort must be name, state, accounts, score, rtt or seen \(got "size"\)\n {2}→ for example --sort score/,
    ],
    [['logs', 'anna', '-n', '20'], /unknown option '-n'\n {2}→ .*--lines 20/],
    [['history', '--lines'], /argument missing\n {2}→ for example --lines 20/],
    [
      ['why', 'anna', '--at', 'soon'],
      /--at must be a time \(got "soon"\)\n {2}→ for example --at 2026-11-23T10:00Z/,
    ],
    [['move', 'anna'], /missing required argument 'host'\n {2}→ fleet move --help/],
  ] as const)(
    'a wrong value names the option, what it takes and a right one: %j',
    async ([args, said]) => {
      const { fleet } = await makeFleet();
      const { code, stdout, stderr } = await fleet(args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(said);
    },
  );
});
