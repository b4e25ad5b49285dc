/**
 * Long commands about the operator's own files, interrupted on a pseudo-terminal: what was done is
 * kept and known, nothing half done is left.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test, vi } from 'vitest';
import { type Folder, makeFolder } from './fleet-command.ts';
import { ctrlC, type OnTerminal, startOnTerminal } from './screen/on-terminal.ts';

vi.setConfig({ testTimeout: 240_000 });

const program = fileURLToPath(new URL('../../bin/fleet', import.meta.url));
const cursorShown = '\u001b[?25h';
const cursorHidden = '\u001b[?25l';
/** Each takes some milliseconds, so that there is something left to interrupt on any machine. */
const sessions = 120;

const sessionText = (): string =>
  `1${Buffer.concat([Buffer.from([2, 0, 13]), Buffer.from('149.154.167.5'), Buffer.from([0, 80]), randomBytes(256)]).toString('base64')}`;

let folder: Folder;
let files: readonly string[];

beforeEach(async () => {
  folder = await makeFolder();
  expect((await folder.fleet(['vault', 'create-key'])).code).toBe(0);
  await mkdir(join(folder.path, 'in'));
  files = Array.from({ length: sessions }, (_, index) => `in/a${index}.txt`);
  for (const file of files) await writeFile(join(folder.path, file), sessionText());
});

const start = (...argv: readonly string[]): OnTerminal =>
  startOnTerminal(['sh', '-c', 'echo "its pid is $$ here"; exec "$@"', 'sh', program, ...argv], {
    cwd: folder.path,
    env: { PATH: process.env.PATH ?? '', HOME: folder.path, TERM: 'xterm-256color' },
    columns: 120,
  });

async function expectInterrupted(run: OnTerminal, said: RegExp): Promise<void> {
  expect(await run.ends()).toBe(130);
  expect(run.shown()).toContain('stopping after the acts that are under way');
  expect(run.shown()).toMatch(said);
  expect(run.shown().lastIndexOf(cursorShown)).toBeGreaterThanOrEqual(
    run.shown().lastIndexOf(cursorHidden),
  );
}

async function known(): Promise<number> {
  const { accounts } = JSON.parse((await folder.fleet(['accounts', 'list', '--json'])).stdout) as {
    accounts: unknown[];
  };
  return accounts.length;
}
const inVault = async (): Promise<number> =>
  (await readdir(join(folder.path, 'vault'))).filter((name) => /^a\d+\.age$/.test(name)).length;

/** A folder whose name begins so appears there: the command has begun its work. */
async function appears(directory: string, prefix: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; ; await sleep(5)) {
    if ((await readdir(directory).catch(() => [])).some((name) => name.startsWith(prefix))) return;
    if (Date.now() > deadline) throw new Error(`${directory}/${prefix}... never came`);
  }
}
const hidden = async (directory: string): Promise<string[]> =>
  (await readdir(directory)).filter((name) => name.startsWith('.'));

test('import: what was read is in vault and ledger, the rest is named, and the same command goes on; backup and restore leave nothing', async () => {
  const importing = start('accounts', 'import', ...files, '--yes');
  // Not a certain one: a quick machine does not paint each.
  await importing.shows('reading file ');
  importing.type(ctrlC);
  await expectInterrupted(importing, /\d+ of 120 files were not read/);
  const taken = await known();
  expect(taken).toBeGreaterThan(0);
  expect([taken < sessions, await inVault()]).toEqual([true, taken]);

  const vanishing = start('accounts', 'import', ...files, '--yes');
  await vanishing.shows('reading file ');
  const pid = Number(/its pid is (\d+) here/.exec(vanishing.shown())?.[1]);
  vanishing.vanishes();
  for (let isThere = true; isThere; await sleep(20)) {
    try {
      process.kill(pid, 0);
    } catch {
      isThere = false;
    }
  }
  expect(await inVault()).toBe(await known());
  expect((await folder.fleet(['accounts', 'import', ...files, '--yes'])).code).toBe(0);
  expect([await known(), await inVault()]).toEqual([sessions, sessions]);

  const backups = join(folder.path, 'backups');
  const backingUp = start('backup');
  await appears(backups, '.backup-');
  backingUp.type(ctrlC);
  await expectInterrupted(backingUp, /no backup was made/);
  expect(await readdir(backups)).toEqual([]);
  expect((await folder.fleet(['backup'])).code).toBe(0);
  const [name = ''] = await readdir(backups);

  const restoring = start('restore', join('backups', name), '--yes');
  await appears(folder.path, '.restore-');
  restoring.type(ctrlC);
  await expectInterrupted(restoring, /nothing was restored/);
  expect(await hidden(folder.path)).toEqual([]);
  expect((await readdir(folder.path)).filter((file) => file.includes('before-restore'))).toEqual(
    [],
  );
  expect(await known()).toBe(sessions);
});
