import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';
import { takeLock } from '../../src/ledger/queries/runs.ts';
import { tryCommand } from '../lab/run-command.ts';
import { type Folder, makeFolder } from './fleet-command.ts';

// Each test starts programs, and the machine may have other work.
vi.setConfig({ testTimeout: 120_000 });

const sessionText = (): string =>
  `1${Buffer.concat([Buffer.from([2, 0, 13]), Buffer.from('149.154.167.5'), Buffer.from([0, 80]), randomBytes(256)]).toString('base64')}`;

/** A folder with two accounts; `fleet` there must succeed. */
async function makeFleet(): Promise<
  Folder & { readonly must: (...args: string[]) => Promise<string> }
> {
  const folder = await makeFolder();
  const must = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await folder.fleet(args);
    expect({ args, code, stderr: code === 0 ? '' : stderr }).toEqual({ args, code: 0, stderr: '' });
    return stdout;
  };
  await must('vault', 'create-key');
  for (const name of ['anna', 'ben']) {
    await writeFile(join(folder.path, `${name}.txt`), sessionText());
    await must('accounts', 'import', `${name}.txt`, '--yes');
  }
  return { ...folder, must };
}

const onlyBackup = async (path: string): Promise<string> =>
  join('backups', (await readdir(join(path, 'backups'))).at(-1) ?? '');
const vaultFile = (path: string, name: string): Promise<Buffer> =>
  readFile(join(path, 'vault', `${name}.age`));

test('everything that was lost comes back, what is sound stays, and the ledger may only look until it is adopted', async () => {
  const { path, fleet, must } = await makeFleet();
  expect(await must('backup')).toMatch(
    /^DIR\/backups\/fleet-shop-\d{8}T\d{6}Z\.age \(\d+ KiB, 2 accounts, 2 sessions, run 0\), restored to a scratch folder and read: sound\.\n$/,
  );
  const backup = await onlyBackup(path);
  const [anna, ben] = [await vaultFile(path, 'anna'), await vaultFile(path, 'ben')];
  await rm(join(path, 'vault', 'anna.age'));
  await writeFile(join(path, 'vault', 'ben.age'), ben.subarray(0, 200));
  await rm(join(path, 'fleet.db'));
  expect(await must('restore', backup, '--dry-run')).toMatch(
    /2 files back that are missing or damaged here \(anna\.age, ben\.age\); 0 stay/,
  );
  await must('restore', backup, '--yes');
  expect([await vaultFile(path, 'anna'), await vaultFile(path, 'ben')]).toEqual([anna, ben]);
  expect((await readdir(join(path, 'vault'))).sort()).toEqual([
    'anna.age',
    'authenticated.json',
    'ben.age',
    'ben.age.damaged',
    'history-head.json',
  ]);
  expect(await must('accounts', 'list')).toMatch(/anna.*stored[\s\S]*ben.*stored/);
  const refused = await fleet(['accounts', 'remove', 'anna', '--yes']);
  expect([refused.code, refused.stderr]).toEqual([
    3,
    expect.stringMatching(
      /^✗ this ledger is an old copy and read-only: it was restored from fleet-shop-\S+\.age\n {2}→ .* fleet adopt\n$/,
    ),
  ]);
});

test('the ledger that is in use stays beside the restored one, and the lock of another command is respected', async () => {
  const { path, fleet, must } = await makeFleet();
  await must('backup');
  const backup = await onlyBackup(path);
  await must('accounts', 'remove', 'ben', '--yes');
  const ledger = await openLedger(join(path, 'fleet.db'));
  const lock = await takeLock(ledger, 0);
  expect((await fleet(['restore', backup, '--yes'])).code).toBe(5);
  await lock.release();
  await ledger.close();
  await must('restore', backup, '--yes');
  const names = (await readdir(path)).filter((name) => name.startsWith('fleet.db')).sort();
  expect(names).toEqual([
    'fleet.db',
    expect.stringMatching(/^fleet\.db\.before-restore-\d{8}T\d{6}Z$/),
  ]);
  expect(await must('accounts', 'list')).toMatch(/anna[\s\S]*ben/);
});

test('a damaged ledger is set aside as it is', async () => {
  const { path, must } = await makeFleet();
  await must('backup');
  const backup = await onlyBackup(path);
  await writeFile(
    join(path, 'fleet.db'),
    'not a ledger at all, but long enough to be looked at as a header of one'.repeat(20),
  );
  await rm(join(path, 'fleet.db-wal'), { force: true });
  await must('restore', backup, '--yes');
  expect(await must('accounts', 'list')).toMatch(/anna[\s\S]*ben/);
});

test('what cannot be restored says why, and changes nothing', async () => {
  const { path, fleet, must } = await makeFleet();
  await must('backup', '--to', 'elsewhere');
  const [name = ''] = await readdir(join(path, 'elsewhere'));
  const file = join('elsewhere', name);
  const whole = await readFile(join(path, file));
  await writeFile(join(path, 'cut.age'), whole.subarray(0, whole.length - 40));
  await writeFile(join(path, 'foreign.age'), 'hello');
  const before = await must('accounts', 'list', '--json');
  const other = await makeFolder();
  await other.fleet(['vault', 'create-key']);
  const key = await readFile(join(path, 'vault.key'), 'utf8');
  const fails = async (args: string[], code: number, said: RegExp): Promise<void> => {
    const { code: got, stderr } = await fleet(args);
    expect([got, stderr]).toEqual([code, expect.stringMatching(said)]);
  };
  await fails(
    ['restore', 'cut.age', '--yes'],
    3,
    /The backup DIR\/cut\.age is damaged, cut off, or none of fleet's/,
  );
  await fails(
    ['restore', 'foreign.age', '--yes'],
    3,
    /The backup DIR\/foreign\.age is damaged, cut off, or none of fleet's/,
  );
  await fails(
    ['restore', 'missing.age', '--yes'],
    3,
    /The backup DIR\/missing\.age cannot be read: no such file or directory/,
  );
  await writeFile(join(path, 'vault.key'), await readFile(join(other.path, 'vault.key')));
  await fails(['restore', file, '--yes'], 2, /The vault key does not open the backup/);
  await writeFile(join(path, 'vault.key'), key);
  await fails(
    ['backup', '--keep', '0'],
    2,
    /--keep must be a whole number from 1 to 100000 \(got "0"\)/,
  );
  await fails(['restore', file], 2, /confirmation needed/);
  expect(await must('accounts', 'list', '--json')).toBe(before);
  expect((await readdir(path)).filter((each) => each.startsWith('.restore'))).toEqual([]);
});

test('only the newest are kept, and only those of this fleet', async () => {
  const { path, must } = await makeFleet();
  await must('backup');
  const [first = ''] = await readdir(join(path, 'backups'));
  await writeFile(join(path, 'backups', 'fleet-other-20200101T000000Z.age'), 'of another fleet');
  await vi.waitUntil(
    () =>
      Date.now() % 1000 < 300 &&
      !first.includes(new Date().toISOString().replace(/[-:]/g, '').slice(0, 15)),
    5000,
  );
  expect(await must('backup', '--keep', '1')).toContain(`1 older removed: ${first}`);
  expect((await readdir(join(path, 'backups'))).sort()).toHaveLength(2);
});

test('a lost session is not hidden by a backup that could be made', async () => {
  const { path, fleet } = await makeFleet();
  await rm(join(path, 'vault', 'ben.age'));
  const { code, stdout, stderr } = await fleet(['backup']);
  expect([code, stdout, stderr]).toEqual([
    3,
    expect.stringContaining('2 accounts, 1 session'),
    expect.stringContaining('the vault has no session of ben'),
  ]);
});

// Mounting needs root, as CI has it.
test.skipIf(process.getuid?.() !== 0)(
  'a disk that is full where the backup goes is named, nothing is left of it, and the ledger is not blamed',
  async () => {
    const { path, fleet } = await makeFleet();
    const small = join(path, 'small');
    const run = async (argv: readonly string[]): Promise<void> =>
      expect(await tryCommand(argv)).toMatchObject({ code: 0 });
    await mkdir(small);
    for (const size of ['64k', '384k']) {
      await run(['mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', small]);
      try {
        const { code, stderr } = await fleet(['backup', '--to', 'small']);
        expect([size, code, stderr]).toEqual([
          size,
          3,
          expect.stringMatching(/^✗ .*DIR\/small.*(?:disk is full|no space left)/),
        ]);
        expect(stderr).not.toContain('fleet.db');
        expect(await readdir(small)).toEqual([]);
      } finally {
        await run(['umount', small]);
      }
    }
  },
);

test('a backup of another fleet with the same key is refused, and nothing of it stays', async () => {
  const { path, fleet, must } = await makeFleet();
  await must('backup');
  const backup = await onlyBackup(path);
  const inventory = await readFile(join(path, 'inventory.yaml'), 'utf8');
  await writeFile(join(path, 'inventory.yaml'), inventory.replace('fleet: shop', 'fleet: other'));
  await rm(join(path, 'vault', 'anna.age'));
  const { code, stderr } = await fleet(['restore', backup, '--yes']);
  expect([code, stderr]).toEqual([
    3,
    expect.stringMatching(/is of the fleet "shop", and this inventory is "other"/),
  ]);
  expect((await readdir(join(path, 'vault'))).includes('anna.age')).toBe(false);
  expect((await readdir(path)).filter((name) => name.startsWith('.restore'))).toEqual([]);
});
