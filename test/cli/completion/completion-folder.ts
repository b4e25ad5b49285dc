/** A folder of an operator with two hosts and one account, for completion in real shells. */
import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLedger } from '../../../src/ledger/ledger.ts';
import { insertAccount } from '../../../src/ledger/queries/accounts.ts';
import { ensureHosts } from '../../../src/ledger/queries/hosts.ts';
import { inventory } from '../fleet-command.ts';

const root = join(import.meta.dirname, '..', '..', '..');

/** What is typed, and what it becomes. */
export const cases: readonly (readonly [string, readonly string[]])[] = [
  ['fleet alloc', ['allocate']],
  ['fleet hosts unc', ['uncordon']],
  ['fleet allocate --strategy aff', ['affinity']],
  ['fleet drain web-', ['web-1', 'web-2']],
  ['fleet move an', ['anna']],
  ['fleet move anna web-2', ['web-2']],
  ['fleet accounts export anna --for', ['--format']],
  ['fleet accounts list --state off', ['offline']],
  ['fleet hosts list --sort sc', ['score']],
];

/**
 * The same where several may be named: a pattern over names that begin alike, quoted as bash does
 * it.
 */
export const bashPatternCase = ['fleet hosts cordon web-', ['web-1', 'web-2', 'web-\\*']] as const;

/** Returns its path; `bin` in it has fleet. The caller removes it. */
export async function makeCompletionFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'fleet-completion-'));
  await writeFile(join(path, 'inventory.yaml'), inventory);
  await mkdir(join(path, 'bin'));
  const fleet = join(path, 'bin', 'fleet');
  await writeFile(fleet, `#!/bin/sh\nexec '${process.execPath}' '${root}/src/cli/main.ts' "$@"\n`);
  await chmod(fleet, 0o755);
  const ledger = await openLedger(join(path, 'fleet.db'));
  await ensureHosts(ledger.db, ['web-1', 'web-2']);
  const about = {
    user_id: null,
    data_centre: 2,
    is_bot: 0,
    source_format: 'telethon',
    vault_hash: 'h',
    imported_at: 1,
    display_name: null,
  };
  await insertAccount(ledger.db, { name: 'anna', key_id: '0'.repeat(32), ...about });
  await ledger.close();
  return path;
}

/** Names that a foreign ledger may hold, and that are commands where a shell reads them as such. */
const hostileNames = [
  'zed$(touch pwned)',
  'zed`touch pwned`',
  'zed;touch pwned',
  'zed\'"|touch pwned',
  'zed\u001b]0;pwned\u0007',
  'zed(e:touch pwned:)',
  'zed{a,$(touch pwned)}',
];

export async function addHostileNames(path: string): Promise<void> {
  const ledger = await openLedger(join(path, 'fleet.db'));
  const about = {
    user_id: null,
    data_centre: 2,
    is_bot: 0,
    source_format: 'telethon',
    vault_hash: 'h',
    imported_at: 1,
    display_name: null,
  };
  for (const [index, name] of hostileNames.entries())
    await insertAccount(ledger.db, { name, key_id: `${index + 1}`.repeat(32), ...about });
  await ledger.close();
}

/** What a shell there has around it. */
export const completionOptions = (path: string) => ({
  cwd: path,
  env: { PATH: `${join(path, 'bin')}:/usr/bin:/bin`, HOME: path, LC_ALL: 'C.UTF-8' },
  timeoutMs: 120_000,
});
