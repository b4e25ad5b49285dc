import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import { describe, expect, test, vi } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';
import { takeLock } from '../../src/ledger/queries/runs.ts';
import { tryCommand } from '../lab/run-command.ts';
import { writeSessionFile } from '../vault/session-files.ts';
import { inventory, makeFolder } from './fleet-command.ts';

// Each test starts programs, and the machine may have other work.
vi.setConfig({ testTimeout: 120_000 });

interface Case {
  readonly args: readonly string[];
  readonly code: number;
  /** Whole standard output, or a part of it. */
  readonly stdout?: string | RegExp;
  readonly stderr?: string | RegExp;
}

/** Without the fields that are not given, both streams must be empty. */
async function check(
  run: Awaited<ReturnType<typeof makeFolder>>['fleet'],
  expected: Case,
): Promise<void> {
  const { code, stdout, stderr } = await run(expected.args);
  expect({ args: expected.args, code, stderr: code === expected.code ? '' : stderr }).toEqual({
    args: expected.args,
    code: expected.code,
    stderr: '',
  });
  for (const [said, wanted] of [
    [stdout, expected.stdout ?? ''],
    [stderr, expected.stderr ?? ''],
  ] as const) {
    if (typeof wanted === 'string') expect(said).toBe(wanted);
    else expect(said).toMatch(wanted);
  }
}

const authKey = randomBytes(256);
const session = `1${Buffer.concat([Buffer.from([2, 0, 13]), Buffer.from('149.154.167.5'), Buffer.from([0, 80]), authKey]).toString('base64')}`;

const error = (message: string, hint: string): string => `✗ ${message}\n  → ${hint}\n`;

describe('what is asked for wrongly ends with code 2 and says what to do', () => {
  const unknownAccount = error(
    'no such account: anna',
    'fleet accounts list shows those that were imported',
  );
  test.for<Case>([
    { args: ['frobnicate'], code: 2, stderr: /^✗ unknown command 'frobnicate'\n {2}→ / },
    { args: ['status', '--frobnicate'], code: 2, stderr: /unknown option '--frobnicate'/ },
    { args: [], code: 2, stderr: /^Usage: fleet / },
    { args: ['allocate'], code: 2, stderr: error('which accounts?', 'name them, or use --all') },
    {
      args: ['allocate', 'anna', '--all'],
      code: 2,
      stderr: error('both --all and names were given', 'use one of the two'),
    },
    { args: ['allocate', 'anna', '--yes'], code: 2, stderr: unknownAccount },
    {
      args: ['allocate', '--all', '--strategy', 'luck'],
      code: 2,
      stderr: /--strategy must be load, even, location, affinity or isolation \(got "luck"\)/,
    },
    { args: ['why', 'anna'], code: 2, stderr: unknownAccount },
    { args: ['logs', 'anna'], code: 2, stderr: unknownAccount },
    { args: ['accounts', 'show', 'anna'], code: 2, stderr: unknownAccount },
    { args: ['why-not', 'anna', 'web-1'], code: 2, stderr: unknownAccount },
    {
      args: ['history', '--lines', 'x'],
      code: 2,
      stderr: error(
        '--lines must be a whole number from 1 to 100000 (got "x")',
        'for example --lines 20',
      ),
    },
    {
      args: ['init', '--limit', 'nowhere'],
      code: 2,
      stderr: /^✗ No host matches "nowhere"\n {2}→ /,
    },
    {
      args: ['scripts', 'show', 'welcom'],
      code: 2,
      stderr:
        /^✗ There is no script welcom \(did you mean "welcome"\?\)\n {2}→ Scripts are: faq-desk, support-desk, welcome\. /,
    },
    {
      args: ['scripts', 'test', 'welcome', 'nowhere.yaml'],
      code: 2,
      stderr: error(
        'The transcript nowhere.yaml cannot be read',
        'Check the path: it has to lead to a file of at most 1048576 bytes.',
      ),
    },
    {
      args: ['ssh', 'nowhere'],
      code: 2,
      stderr: error('no such host: nowhere', 'fleet hosts list shows the known ones'),
    },
    {
      args: ['exec', 'web-1', '--timeout', '0', '--', 'true'],
      code: 2,
      stderr: /--timeout must be a length of time from 0\.1 s to 24 hours \(got "0"\)/,
    },
  ])('$args', async (expected) => {
    await check((await makeFolder()).fleet, expected);
  });
});

describe('a fleet without hosts that are ready', () => {
  test.for<Case>([
    {
      args: ['status'],
      code: 0,
      stdout: `shop: 0 of 2 hosts up, 0 accounts

HOST   STATE      ACCOUNTS  SCORE  RTT  SEEN   OS  NOTE
web-1  not-ready  0/5       -      -    never  -   run: fleet init --limit web-1
web-2  not-ready  0/5       -      -    never  -   run: fleet init --limit web-2

No accounts yet: fleet accounts import FILE...
`,
    },
    {
      args: ['accounts', 'list'],
      code: 0,
      stdout: 'No accounts yet: fleet accounts import FILE...\n',
    },
    { args: ['history'], code: 0, stdout: 'No decisions yet: fleet allocate makes the first.\n' },
    { args: ['moves'], code: 0, stdout: 'No open moves.\n' },
    {
      args: ['allocate', '--all', '--yes'],
      code: 0,
      stdout: 'No accounts yet: fleet accounts import FILE...\n',
    },
    { args: ['--version'], code: 0, stdout: /^\d+\.\d+\.\d+\n$/ },
  ])('$args', async (expected) => {
    await check((await makeFolder()).fleet, expected);
  });

  test('every look gives one JSON document of version 1', async () => {
    const { fleet } = await makeFolder();
    for (const [args, fields] of [
      [
        ['status'],
        {
          command: 'status',
          fleet: 'shop',
          hosts: [{ name: 'web-1' }, { name: 'web-2' }],
          accounts: [],
          openMoves: [],
        },
      ],
      [
        ['hosts', 'list'],
        {
          command: 'hosts list',
          hosts: [{ name: 'web-1', state: 'not-ready' }, { name: 'web-2' }],
        },
      ],
      [['accounts', 'list'], { command: 'accounts list', accounts: [] }],
      [['history'], { command: 'history', history: [] }],
      [['moves'], { command: 'moves', moves: [] }],
    ] as const) {
      const { code, stdout, stderr } = await fleet([...args, '--json']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(JSON.parse(stdout)).toMatchObject({ version: 1, ok: true, errors: [], ...fields });
    }
  });

  test('an error is a JSON document too', async () => {
    const { code, stdout, stderr } = await (await makeFolder()).fleet(['why', 'anna', '--json']);
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      version: 1,
      command: 'why',
      ok: false,
      errors: [
        {
          code: 'usage',
          message: 'no such account: anna',
          hint: 'fleet accounts list shows those that were imported',
          account: 'anna',
        },
      ],
    });
  });
});

describe('the inventory', () => {
  test('is missing', async () => {
    const expected = {
      code: 2,
      stderr: error(
        'The inventory inventory.yaml does not exist',
        'Go to its folder or below, or name it with --inventory FILE. A new one: fleet new',
      ),
    };
    await check((await makeFolder(null)).fleet, { args: ['status'], ...expected });
  });

  test('has mistakes: all of them are named with their places', async () => {
    const { fleet } = await makeFolder(
      inventory.replace('fleet: shop', 'flet: shop').replace('192.0.2.1', '"a b"'),
    );
    const { code, stderr } = await fleet(['status']);
    expect(code).toBe(2);
    expect(stderr).toContain('inventory.yaml has 3 mistakes');
    expect(stderr).toContain('inventory.yaml:2:1 flet: unknown key (did you mean "fleet"?)');
    expect(stderr).toMatch(/inventory\.yaml:5:\d+ hosts\.web-1\.address/);
  });

  test('can lie elsewhere; its paths are relative to it', async () => {
    const { fleet, path } = await makeFolder();
    await check(fleet, {
      args: ['-i', join(path, 'inventory.yaml'), 'vault', 'create-key'],
      code: 0,
      stdout: /^DIR\/vault\.key created\./,
    });
    expect(await readdir(path)).toContain('vault.key');
  });
});

describe('the vault key', () => {
  test('is made once and never overwritten', async () => {
    const { fleet } = await makeFolder();
    expect((await fleet(['vault', 'create-key'])).code).toBe(0);
    await check(fleet, {
      args: ['vault', 'create-key'],
      code: 2,
      stderr: /The vault key DIR\/vault\.key exists already/,
    });
  });

  test('is missing: an import names it, stores nothing and shows no secret', async () => {
    const { fleet, path } = await makeFolder();
    await writeFile(join(path, 'anna.txt'), session);
    const { code, stdout, stderr } = await fleet(['accounts', 'import', 'anna.txt', '--yes']);
    expect(code).toBe(2);
    expect(stderr).toContain('vault.key');
    expect(stdout + stderr).not.toContain(session.slice(60, 120));
    expect((await fleet(['accounts', 'list'])).stdout).toContain('No accounts yet');
  });

  test('is there: the account is imported, and a plan that no host can take says why, with code 3', async () => {
    const { fleet, path } = await makeFolder();
    await fleet(['vault', 'create-key']);
    await writeFile(join(path, 'anna.txt'), session);
    await check(fleet, {
      args: ['accounts', 'import', 'anna.txt', '--yes'],
      code: 0,
      stdout: /anna\s+imported/,
    });
    const { code, stderr } = await fleet(['allocate', '--all', '--dry-run']);
    expect(code).toBe(3);
    expect(stderr).toContain('fleet init');
  });
});

describe('a pattern that takes in what SQLite keeps beside a session', () => {
  test('is judged with its session when that is named too; alone it is refused with the way out', async () => {
    const { fleet, path } = await makeFolder();
    await fleet(['vault', 'create-key']);
    await writeFile(join(path, 'anna.txt'), session);
    await writeFile(join(path, 'anna.txt-shm'), Buffer.alloc(32_768));
    await writeFile(join(path, 'bert.session-wal'), '');
    const both = await fleet(['accounts', 'import', 'anna.txt', 'anna.txt-shm', '--yes']);
    expect(both).toMatchObject({ code: 0, stdout: expect.not.stringContaining('-shm') });
    await check(fleet, {
      args: ['accounts', 'import', 'bert.session-wal', '--yes'],
      code: 3,
      stdout: /Nothing was imported/,
      stderr:
        /bert\.session-wal: a file that SQLite keeps beside a session, not a session \(COMPANION\)\n {2}→ import bert\.session itself/,
    });
  });
});

test('one bad file hides no other, and why it was refused is a stable code in the JSON', async () => {
  const { fleet, path } = await makeFolder();
  await fleet(['vault', 'create-key']);
  const image = readFileSync(writeSessionFile(join(path, 'good.session'), 'Pyrogram 3'));
  // The type of a table becomes something else: what a flipped bit does to a schema.
  image.write('tablf', image.indexOf('tablesessions'));
  await writeFile(join(path, 'bad.session'), image);
  await writeFile(join(path, 'anna.txt'), session);
  const { code, stdout } = await fleet([
    'accounts',
    'import',
    'bad.session',
    'good.session',
    'anna.txt',
    'good.session-wal',
    '--yes',
    '--json',
  ]);
  expect(code).toBe(3);
  expect(JSON.parse(stdout).files).toMatchObject([
    {
      path: 'bad.session',
      result: 'refused',
      code: 'session-file',
      refusal: expect.stringMatching(/^(CORRUPT|WRONG_TABLES)$/),
    },
    { path: 'good.session', result: 'imported', code: null, refusal: null },
    { path: 'anna.txt', result: expect.stringMatching(/^(imported|refused)$/) },
  ]);
});

describe('without a terminal', () => {
  test('nothing that changes accounts runs unless --yes says so', async () => {
    const { fleet, path } = await makeFolder();
    await writeFile(join(path, 'anna.txt'), 'x');
    await check(fleet, {
      args: ['accounts', 'import', 'anna.txt'],
      code: 2,
      stderr: /confirmation needed: there is no terminal to ask on\n {2}→ /,
    });
  });

  test('nothing is coloured', async () => {
    const { stdout } = await (await makeFolder()).fleet(['status']);
    expect(stdout).not.toContain('\u001b[');
  });
});

test('on a terminal states are coloured, unless NO_COLOR is set', async () => {
  const { path } = await makeFolder();
  const program = new URL('../../bin/fleet', import.meta.url).pathname;
  const onTerminal = (before: string) =>
    tryCommand(
      [
        'script',
        '-qec',
        `env -u FORCE_COLOR ${before} TERM=xterm-256color ${program} status`,
        '/dev/null',
      ],
      { cwd: path },
    );
  const colour = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`);
  expect((await onTerminal('-u NO_COLOR -u CI')).stdout).toMatch(colour);
  expect((await onTerminal('NO_COLOR=1')).stdout).not.toMatch(colour);
});

test('a second command at the same time is turned away with code 5, and with --wait it waits', async () => {
  const { fleet, path } = await makeFolder();
  await fleet(['status']);
  const ledger = await openLedger(join(path, 'fleet.db'));
  const lock = await takeLock(ledger, 0);
  const { code, stderr } = await fleet(['allocate', '--all', '--yes']);
  expect(code).toBe(5);
  expect(stderr).toContain(`✗ another fleet command is at work: process ${process.pid} on `);
  expect((await fleet(['status'])).code).toBe(0);
  const waiting = fleet(['allocate', '--all', '--yes', '--wait', '60']);
  setTimeout(() => void lock.release(), 1000);
  expect((await waiting).code).toBe(0);
  await ledger.close();
});

test('a ledger that turns out to be damaged while it is read is no bug of fleet', async () => {
  const { fleet, path } = await makeFolder();
  const file = join(path, 'fleet.db');
  const ledger = await openLedger(file);
  const { rows } = await sql<{
    rootpage: number;
  }>`SELECT rootpage FROM sqlite_master WHERE tbl_name = 'history' AND rootpage > 0`.execute(
    ledger.db,
  );
  await sql`PRAGMA wal_checkpoint(TRUNCATE)`.execute(ledger.db);
  await ledger.close();
  const content = await readFile(file);
  for (const { rootpage } of rows) content.fill(0xff, (rootpage - 1) * 4096, rootpage * 4096);
  await writeFile(file, content);
  await check(fleet, {
    args: ['history'],
    code: 3,
    stderr: /^✗ ledger DIR\/fleet\.db: is damaged or not a ledger\n {2}→ /,
  });
  expect((await fleet(['status'])).code).toBe(0);
});
