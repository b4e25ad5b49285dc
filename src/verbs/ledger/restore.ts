import { resolve } from 'node:path';
import type { Ledger, PostgresAccess } from '../../ledger/ledger.ts';
import { FleetError } from '../../model/errors.ts';
import type { RestorePlan } from '../../workflows/custody/restore.ts';
import type { Desk } from '../desk.ts';
import { argument, dryRun, type Fields, flag, type InputOf } from '../input.ts';
import { loadInventoryOf, secretReader } from '../open-context.ts';
import { restoreData } from '../results/upkeep/backup.ts';
import { defineErrand } from '../verb.ts';

interface RestoreInput extends InputOf<Fields> {
  readonly file: string;
  readonly dryRun: boolean;
  readonly unsealed: boolean;
}

/** Opens no context: the ledger in use may be damaged, or absent, and gives way to another one. */
async function restoreBackup(desk: Desk, input: RestoreInput): Promise<RestorePlan> {
  const { file, dryRun: isDryRun, unsealed } = input;
  const inventory = await loadInventoryOf(desk);
  const { endRestore, executeRestore, planRestore } = await import(
    '../../workflows/custody/restore.ts'
  );
  const { takeLock } = await import('../../ledger/queries/runs.ts');
  const { accessTo } = await import('../../ledger/ledger.ts');
  const where = accessTo(inventory.ledger, secretReader(inventory));
  const current = await openCurrent(where);
  const isOpen = current !== null && current !== 'unreadable';
  const about = { command: 'restore', signal: desk.signal };
  const lock = isOpen
    ? await takeLock(current, desk.waitMs, about).catch(async (error: unknown) => {
        await current.close();
        throw current.useError(error);
      })
    : null;
  const letGo = async (): Promise<void> => {
    await lock?.release();
    if (isOpen) await current.close();
  };
  try {
    const identity = await secretReader(inventory)(inventory.vaultKey);
    const plan = await planRestore(inventory, resolve(file), identity, current, Date.now(), {
      takesUnsealed: unsealed,
      signal: desk.signal,
      where,
    });
    try {
      if (isDryRun) return plan;
      await desk.agree('Put it in the place of the ledger that is in use?', { plan, input });
      await letGo();
      await executeRestore(inventory, plan, where);
      return plan;
    } finally {
      await endRestore(plan);
    }
  } finally {
    await letGo().catch(() => undefined);
  }
}

/** null: there is none. One that is damaged is what restores are for. */
async function openCurrent(where: string | PostgresAccess): Promise<Ledger | 'unreadable' | null> {
  const { existsSync } = await import('node:fs');
  if (typeof where === 'string' && !existsSync(where)) return null;
  const { openLedger } = await import('../../ledger/ledger.ts');
  try {
    return await openLedger(where);
  } catch (error) {
    if (error instanceof FleetError && error.code === 'ledger-corrupt') return 'unreadable';
    throw error;
  }
}

/** `fleet restore`. */
export const restore = defineErrand({
  name: 'restore',
  group: 'ledger',
  summary: 'restore a backup; the ledger is read-only until fleet adopt',
  isAloneAtTimes: true,
  input: {
    file: argument({ of: 'file' }),
    dryRun: dryRun('check the backup, show what would change, and change nothing'),
    unsealed: flag(
      'accept a backup without a seal (made by an older fleet); its origin cannot be ' + 'verified',
    ),
  },
  examples: [
    ['restore backups/FILE --dry-run', 'is it sound, and what would it put back?'],
    ['restore backups/FILE', 'put it back; then: fleet adopt'],
  ],
  files: ['inventory', 'ledger', 'vault', 'key', 'backups'],
  effects: 'ledger',
  run: restoreBackup,
  toJson: (plan, input) => ({ dryRun: input.dryRun, ...restoreData(plan) }),
});
