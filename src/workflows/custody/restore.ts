import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { unloadCopy } from '../../ledger/engines/sqlite/copy-ledger.ts';
import { type Ledger, openLedger, type PostgresAccess } from '../../ledger/ledger.ts';
import { listAccounts } from '../../ledger/queries/accounts.ts';
import { lastSerial, markDoubt, markStale } from '../../ledger/queries/staleness.ts';
import { asideOf, putLedger } from '../../ledger/replace-ledger.ts';
import { FleetError } from '../../model/errors.ts';
import type { Inventory } from '../../model/inventory.ts';
import { type AccountName, isAccountName } from '../../model/names.ts';
import { makeFolder } from '../../surroundings/make-folder.ts';
import { authenticateVault, markName } from '../../vault/authenticate-vault.ts';
import { createDurableFile, syncDirectory } from '../../vault/durable-file.ts';
import { openStateStore } from '../../vault/state-store.ts';
import { openVault } from '../../vault/vault.ts';
import { type UnpackedBackup, unpackBackup } from './backup.ts';

/** What `fleet restore` will do. The object that is shown is the object that is executed. */
export interface RestorePlan {
  readonly source: string;
  readonly backup: UnpackedBackup;
  /** The ledger that is in use now; null: there is none. `accounts` null: it cannot be read. */
  readonly current: { readonly accounts: number | null; readonly serial: number | null } | null;
  /** Files of the vault that are missing or damaged here and come back. */
  readonly returning: readonly string[];
  /** Files of the vault that are sound here, and stay. */
  readonly kept: readonly string[];
  /** Where the ledger that is in use now goes. */
  readonly aside: string;
}

export interface RestoreOptions {
  /** The ledger that gives way. */
  readonly where: string | PostgresAccess;
  /** A backup of a release before seals. */
  readonly takesUnsealed: boolean;
  /** Ctrl-C: ends between two files. */
  readonly signal: AbortSignal;
}

/**
 * Unpacks the backup beside the ledger and compares. Changes nothing but that folder, which {@link
 * endRestore} removes. Errors: those of a backup,
 * `interrupted`: then nothing is left of it.
 */
export async function planRestore(
  inventory: Inventory,
  source: string,
  identity: string,
  current: Ledger | 'unreadable' | null,
  nowMs: number,
  { takesUnsealed, signal, where }: RestoreOptions,
): Promise<RestorePlan> {
  const goOn = (): void => {
    if (signal.aborted) throw nothingRestored();
  };
  const { backups, vault } = inventory.paths;
  const home = dirname(backups);
  makeFolder(home);
  const directory = await mkdtemp(join(home, '.restore-'));
  try {
    const backup = await unpackBackup(source, join(directory, 'unpacked'), identity, {
      takesUnsealed,
      goOn,
    });
    if (backup.fleet !== null && backup.fleet !== inventory.fleet)
      throw foreignBackup(source, backup.fleet, inventory.fleet);
    // Records of a former release come back with the authentication that this vault asks for.
    await authenticateVault(backup.vaultPath, identity);
    const returning: string[] = [];
    const kept: string[] = [];
    for (const name of backup.files) {
      goOn();
      ((await isSound(vault, name, identity)) ? kept : returning).push(name);
    }
    goOn();
    const stamp = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
    return {
      source,
      backup,
      returning,
      kept,
      aside: asideOf(where, stamp),
      current: await describe(current),
    };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

const nothingRestored = (): FleetError =>
  new FleetError('interrupted', 'nothing was restored', {
    hint: 'run it again when you are ready',
  });

/**
 * Two fleets may share a vault key; the ledger of one says nothing about the hosts of the other.
 */
const foreignBackup = (source: string, theirs: string, ours: string): FleetError =>
  new FleetError(
    'vault',
    `The backup ${source} is of the fleet "${theirs}", and this inventory is "${ours}"`,
    {
      hint: `Name the inventory of "${theirs}" with --inventory, or another backup.`,
    },
  );

async function describe(current: Ledger | 'unreadable' | null): Promise<RestorePlan['current']> {
  if (current === null) return null;
  if (current === 'unreadable') return { accounts: null, serial: null };
  return {
    accounts: (await listAccounts(current.db)).length,
    serial: await lastSerial(current.db),
  };
}

/**
 * A file that is there and, where it is in use, can be opened: it is newer than the one in the
 * backup, or the same.
 */
async function isSound(vault: string, name: string, identity: string): Promise<boolean> {
  if (!existsSync(join(vault, name))) return false;
  const account = basename(name, '.age');
  if (!isAccountName(account) || name.startsWith('removed/')) return true;
  const options = { directory: vault, readIdentity: async () => identity };
  try {
    if (name.startsWith('states/'))
      return (await openStateStore(options).get(account as AccountName)) !== null;
    (await (await openVault(options)).get(account as AccountName)).session.authKey.fill(0);
    return true;
  } catch (error) {
    if (error instanceof FleetError && error.code === 'vault') return false;
    throw error;
  }
}

/**
 * Puts the vault's files back, then the ledger, which may only look until it is adopted: what
 * happened since the backup is known to the hosts alone. The
 * ledger that was in use stays beside it. Killed anywhere, the same command does it again. Errors:
 * `ledger-*`, `vault`.
 */
export async function executeRestore(
  inventory: Inventory,
  plan: RestorePlan,
  where: RestoreOptions['where'],
): Promise<void> {
  const { backups, vault } = inventory.paths;
  for (const name of plan.returning)
    await putBack(join(plan.backup.vaultPath, name), join(vault, name));
  const mark = join(vault, markName);
  if (!existsSync(mark)) await putBack(join(plan.backup.vaultPath, markName), mark);
  const restored = await openLedger(plan.backup.ledgerPath);
  await markDoubt(restored.db, 'it was restored');
  await markStale(restored.db, `it was restored from ${basename(plan.source)}`);
  // A lock of the moment of the backup is nobody's.
  await restored.db.deleteFrom('lock').execute();
  await restored.close();
  unloadCopy(plan.backup.ledgerPath);
  await putLedger(where, plan.backup.ledgerPath, plan.aside);
  await syncDirectory(dirname(backups));
}

export const endRestore = ({ backup }: RestorePlan): Promise<void> =>
  rm(dirname(backup.directory), { recursive: true, force: true });

/** What is damaged here stays beside it: somebody may still want to look at it. */
async function putBack(from: string, to: string): Promise<void> {
  makeFolder(dirname(to));
  if (existsSync(to)) await copyFile(to, `${to}.damaged`);
  const temp = join(dirname(to), `.${basename(to)}.${process.pid}.restore`);
  await rm(temp, { force: true });
  await createDurableFile(temp, await readFile(from));
  await rename(temp, to);
  await syncDirectory(dirname(to));
}
