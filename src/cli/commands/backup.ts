import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Ledger } from '../../ledger/ledger.ts';
import { FleetError } from '../../model/errors.ts';
import { secretReader } from '../../verbs/open-context.ts';
import { backupErrors, restoreData } from '../../verbs/results/backup.ts';
import { confirm } from '../confirm.ts';
import type { GlobalOptions } from '../global-options.ts';
import { loadInventoryOf, withContext } from '../open-context.ts';
import { countOption } from '../option-values.ts';
import type { CommandResult } from '../output.ts';
import { setAction } from '../run-command.ts';
import { printErr } from '../terminal.ts';

/** `fleet backup` and `fleet restore`. */
export function registerBackup(program: Command): void {
  const backup = program
    .command('backup')
    .description('one encrypted file with ledger and vault, checked by restoring it to a scratch folder; for cron')
    .option('--to <folder>', 'where it goes (default: backups/ beside the ledger)')
    .option(
      '--keep <count>',
      'keep so many of the newest backups of this fleet there, and remove the older ones',
      countOption('--keep', { min: 1, max: 100_000 }, '14'),
    );
  setAction<{ readonly to?: string; readonly keep?: number }>(backup, async ({ options, signal }) => {
    const keep = options.keep ?? null;
    const { makeBackup } = await import('../../workflows/backup.ts');
    const { formatBackup } = await import('../render/backup.ts');
    return withContext(options, signal, async (context): Promise<CommandResult> => {
      const { refuseLostLedger } = await import('../../workflows/lost-ledger.ts');
      await refuseLostLedger(context);
      const directory = options.to === undefined ? join(dirname(context.inventory.paths.ledger), 'backups') : resolve(options.to);
      const made = await makeBackup(context, directory, keep);
      return { data: { ...made, lastRunMs: undefined }, text: formatBackup(made), errors: backupErrors(made) };
    });
  });
  registerBackupList(backup);
  const restore = program
    .command('restore <file>')
    .description('put a backup back; the ledger may only look until fleet adopt')
    .option('-n, --dry-run', 'check the backup, show what would change, and change nothing')
    .option('--unsealed', 'take a backup of a release before seals, whose origin nobody can tell');
  setAction<RestoreFlags>(restore, async ({ options, args, signal }) => restoreBackup(resolve(args[0] ?? ''), options, signal));
}

function registerBackupList(backup: Command): void {
  const command = backup
    .command('list')
    .description('backups of this fleet in a folder, newest first, and whether the key of the vault opens them');
  setAction(command, async ({ options }) => {
    const { to } = backup.opts<{ readonly to?: string }>();
    const inventory = await loadInventoryOf(options);
    const { listBackups } = await import('../../workflows/list-backups.ts');
    const { formatBackups } = await import('../render/backup.ts');
    const folder = to === undefined ? join(dirname(inventory.paths.ledger), 'backups') : resolve(to);
    const identity = await secretReader(inventory)(inventory.vaultKey).catch((error: unknown) => {
      if (error instanceof FleetError) return null;
      throw error;
    });
    const backups = await listBackups(folder, inventory.fleet, identity);
    return { data: { folder, backups }, text: formatBackups(folder, backups) };
  });
}

interface RestoreFlags {
  readonly dryRun?: boolean;
  readonly unsealed?: boolean;
}

async function restoreBackup(source: string, options: GlobalOptions & RestoreFlags, signal: AbortSignal): Promise<CommandResult> {
  const inventory = await loadInventoryOf(options);
  const { endRestore, executeRestore, planRestore } = await import('../../workflows/restore.ts');
  const { formatRestore } = await import('../render/backup.ts');
  const { takeLock } = await import('../../ledger/runs.ts');
  const current = await openCurrent(inventory.paths.ledger);
  const lock =
    current === null || current === 'unreadable'
      ? null
      : await takeLock(current, options.wait, { command: 'restore', signal: options.signal });
  const letGo = async (): Promise<void> => {
    await lock?.release();
    if (current !== null && current !== 'unreadable') await current.close();
  };
  try {
    const identity = await secretReader(inventory)(inventory.vaultKey);
    const plan = await planRestore(inventory, source, identity, current, Date.now(), {
      takesUnsealed: options.unsealed === true,
      signal,
    });
    try {
      const data = { dryRun: options.dryRun === true, ...restoreData(plan) };
      if (options.dryRun) return { data, text: formatRestore(plan) };
      if (!options.json) printErr(formatRestore(plan));
      await confirm('Put it in the place of the ledger that is in use?', options);
      await letGo();
      await executeRestore(inventory, plan);
      return { data, text: 'Restored. It may only look until the hosts have said what happened since: fleet adopt' };
    } finally {
      await endRestore(plan);
    }
  } finally {
    await letGo().catch(() => undefined);
  }
}

/** null: there is none. One that is damaged is what restores are for. */
async function openCurrent(path: string): Promise<Ledger | 'unreadable' | null> {
  const { existsSync } = await import('node:fs');
  if (!existsSync(path)) return null;
  const { openLedger } = await import('../../ledger/ledger.ts');
  try {
    return await openLedger(path);
  } catch (error) {
    if (error instanceof FleetError && error.code === 'ledger-corrupt') return 'unreadable';
    throw error;
  }
}
