/**
 * The operator's own disk is full, for good: what fails names the file and why, nothing is half
 * done, and with room again the same command does it all.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type CommandResult, tryCommand } from '../lab/run-command.ts';
import { type Folder, inventory, makeFolder } from './fleet-command.ts';

vi.setConfig({ testTimeout: 180_000 });

const pageBytes = 4096;
const sessionText = (): string =>
  `1${Buffer.concat([Buffer.from([2, 0, 13]), Buffer.from('149.154.167.5'), Buffer.from([0, 80]), randomBytes(256)]).toString('base64')}`;
const run = async (...argv: readonly string[]): Promise<void> =>
  expect(await tryCommand(argv)).toMatchObject({ code: 0 });

/** A small disk of its own at `path`, while the test lasts. */
async function makeDisk(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await run('mount', '-t', 'tmpfs', '-o', 'size=8m,mode=755', 'fleet-full-disk', path);
  onTestFinished(() => run('umount', '-l', path));
}

/** Leaves room for so many pages on the disk, and no more. */
async function fill(disk: string, pages: number): Promise<void> {
  const filler = await open(join(disk, 'filler'), 'w');
  try {
    for (const page = Buffer.alloc(pageBytes); ; ) await filler.write(page);
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' });
    const { size } = await filler.stat();
    await filler.truncate(size - (size % pageBytes) - pages * pageBytes);
  } finally {
    await filler.close();
  }
}

const isDone = ({ code }: CommandResult): boolean => code === 0;
const refusedFor = (place: RegExp) => ({
  code: 3,
  stderr: expect.stringMatching(
    new RegExp(`^✗ [^\\n]*${place.source}[^\\n]*no space left`),
  ) as string,
});

async function filesIn(path: string): Promise<readonly string[]> {
  return (await readdir(path, { recursive: true })).filter((name) => name !== 'filler').toSorted();
}

/**
 * An operator whose ledger and vault lie on the disk `disk`, with three sessions that are not
 * imported yet.
 */
async function makeOperator(
  disk: 'full' | 'roomy',
): Promise<Folder & { readonly sessions: readonly string[] }> {
  const folder = await makeFolder(
    inventory.replace('vault: { path: vault', 'ledger: data/fleet.db\nvault: { path: data/vault'),
  );
  if (disk === 'full') await makeDisk(join(folder.path, 'data'));
  expect(await folder.fleet(['vault', 'create-key'])).toMatchObject({ code: 0 });
  const sessions = ['anna.txt', 'ben.txt', 'carl.txt'];
  for (const name of sessions)
    await writeFile(join(folder.path, name), sessionText(), { mode: 0o600 });
  return { ...folder, sessions };
}

// Mounting needs root, as CI has it.
describe.skipIf(process.getuid?.() !== 0)('a full disk', () => {
  test('under the ledger and the vault, at any point of an import', async () => {
    const { path, fleet, sessions } = await makeOperator('full');
    const data = join(path, 'data');
    const names = async (): Promise<readonly string[]> => {
      const { accounts } = JSON.parse((await fleet(['accounts', 'list', '--json'])).stdout) as {
        accounts: { name: string }[];
      };
      return accounts.map(({ name }) => name);
    };
    const ends: boolean[] = [];
    // In the making of the ledger, in its first transaction, between two accounts.
    for (const pages of [0, 40, 90]) {
      await fill(data, pages);
      const imported = await fleet(['accounts', 'import', ...sessions, '--yes']);
      ends.push(isDone(imported));
      if (!isDone(imported))
        expect([pages, imported]).toEqual([
          pages,
          expect.objectContaining(refusedFor(/DIR\/data\/(?:fleet\.db|vault)/)),
        ]);
      expect((await filesIn(data)).filter((name) => /\.(?:tmp|part|new)$/.test(name))).toEqual([]);
      await rm(join(data, 'filler'));
      const taken =
        imported.code === 3
          ? (/; ([\w, ]+) (?:was|were) taken before/.exec(imported.stderr)?.[1] ?? '')
          : 'anna, ben, carl';
      expect([pages, (await names()).join(', ')]).toEqual([pages, taken]);
      const again = await fleet(['accounts', 'import', ...sessions, '--yes']);
      expect([pages, again.code, await names()]).toEqual([pages, 0, ['anna', 'ben', 'carl']]);
      await rm(join(data, 'vault'), { recursive: true });
      for (const name of await filesIn(data)) await rm(join(data, name), { force: true });
    }
    expect(ends).toContain(false);
  });

  test('where a file is to be written: the file is named, and nothing of it stays', async () => {
    const { path, fleet, sessions } = await makeOperator('roomy');
    expect(await fleet(['accounts', 'import', ...sessions, '--yes'])).toMatchObject({ code: 0 });
    const small = join(path, 'small');
    await makeDisk(small);
    await writeFile(join(small, 'inventory.yaml'), inventory);
    await fill(small, 0);
    const writes: readonly (readonly [readonly string[], RegExp])[] = [
      [['report', '-o', 'small/report.html'], /DIR\/small\/report\.html/],
      [
        ['accounts', 'export', 'anna', '-f', 'gramjs-string', '-o', 'small/anna.txt', '--yes'],
        /small\/anna\.txt/,
      ],
      [['backup', '--to', 'small'], /small/],
      [['-i', 'small/inventory.yaml', 'vault', 'create-key'], /DIR\/small\/vault\.key/],
      [
        ['-i', 'small/inventory.yaml', 'hosts', 'add', 'web-3', '192.0.2.3'],
        /small\/inventory\.yaml/,
      ],
      [['-i', 'small/inventory.yaml', 'status'], /DIR\/small\/fleet\.db/],
    ];
    for (const [words, place] of writes) {
      expect([words, await fleet(words)]).toEqual([
        words,
        expect.objectContaining(refusedFor(place)),
      ]);
      await rm(join(small, 'fleet.db'), { force: true });
      expect([words, await filesIn(small)]).toEqual([words, ['inventory.yaml']]);
    }
    // An export that failed has taken nothing out of the fleet.
    expect((await fleet(['accounts', 'list'])).stdout).toMatch(/anna +stored/);
    await rm(join(small, 'filler'));
    for (const [words] of writes) expect([words, (await fleet(words)).code]).toEqual([words, 0]);
    expect((await fleet(['accounts', 'list'])).stdout).toMatch(/anna +detached/);
  });
});
