import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type CarriedFile,
  carriedFiles,
  carryFiles,
  unloadCopy,
} from '../../ledger/engines/sqlite/copy-ledger.ts';
import { openLedger } from '../../ledger/ledger.ts';
import { listAccounts } from '../../ledger/queries/accounts.ts';
import { readMeta, writeMeta } from '../../ledger/queries/meta.ts';
import { lastSerial } from '../../ledger/queries/staleness.ts';
import { FleetError } from '../../model/errors.ts';
import type { AccountName } from '../../model/names.ts';
import { makeFolder } from '../../surroundings/make-folder.ts';
import { sealFile, unsealFile } from '../../vault/backup-file.ts';
import { createDurableFile, syncDirectory } from '../../vault/durable-file.ts';
import { openVault } from '../../vault/vault.ts';
import type { FleetContext } from '../context.ts';
import { noteHistoryHead } from './history-head.ts';

/** What a backup holds, read from the backup itself. */
export interface BackupContent {
  readonly accounts: number;
  /**
   * Accounts of its ledger without a session in its vault: they were incomplete when it was made.
   */
  readonly withoutSession: readonly string[];
  readonly sessions: number;
  /** Its last run; 0: none. */
  readonly serial: number;
  /** When its last run began, ms since the epoch; null: it never ran. */
  readonly lastRunMs: number | null;
  /** Whose it is, by the inventory's `fleet:`; null: a release before wrote it. */
  readonly fleet: string | null;
}

/** A backup unpacked into a folder of its own: `ledger.db` and `vault/`. */
export interface UnpackedBackup extends BackupContent {
  readonly directory: string;
  readonly ledgerPath: string;
  readonly vaultPath: string;
  /** Files of the vault, relative to it. */
  readonly files: readonly string[];
}

export interface MadeBackup extends BackupContent {
  readonly path: string;
  readonly bytes: number;
  /** Older ones that were removed. */
  readonly removed: readonly string[];
}

/** Where the ledger remembers when a backup of it was last made, ms since the epoch. */
export const lastBackupKey = 'last-backup';

/** Where the ledger remembers which fleet it is of, for whoever restores it. */
const fleetKey = 'fleet';

/** `fleet-NAME-20261123T083000Z.age`: sorts by time. */
const nameOf = (fleet: string, nowMs: number): string =>
  `fleet-${fleet}-${new Date(nowMs)
    .toISOString()
    .replace(/[-:]/g, '')
    .replace(/\.\d+Z$/, 'Z')}.age`;

/**
 * One encrypted file with the ledger and everything in the vault. It gets its name only after it
 * was restored to a scratch folder and every session in it was
 * read. Others may work meanwhile. Then all but the newest `keep` backups of this fleet in that
 * folder are removed (null: none). Errors: `vault`,
 * `vault-key`, `ledger-*`, `interrupted`: then nothing is left of it.
 */
export async function makeBackup(
  context: FleetContext,
  directory: string,
  keep: number | null,
): Promise<MadeBackup> {
  const { inventory, ledger } = context;
  const goOn = (): void => {
    if (context.signal.aborted)
      throw new FleetError('interrupted', 'no backup was made', {
        hint: 'run it again when you are ready',
      });
  };
  makeFolder(directory);
  const scratch = await mkdtemp(join(directory, '.backup-'));
  try {
    const identity = await context.readSecret(inventory.vaultKey);
    const copy = join(scratch, 'copy.db');
    if ((await readMeta(ledger.db, fleetKey)) !== inventory.fleet)
      await writeMeta(ledger.db, fleetKey, inventory.fleet);
    // The ledger first: a session is in the vault before the ledger knows of it.
    await ledger.copyTo(copy);
    await carryFiles(copy, vaultFiles(inventory.paths.vault, goOn));
    goOn();
    const sealed = join(scratch, 'sealed');
    await sealFile(copy, sealed, identity);
    const {
      directory: _,
      ledgerPath: __,
      vaultPath: ___,
      files: ____,
      ...content
    } = await unpackBackup(sealed, join(scratch, 'check'), identity, { goOn });
    const path = join(directory, nameOf(inventory.fleet, context.now()));
    await rename(sealed, path);
    await syncDirectory(directory);
    await noteHistoryHead(context, identity);
    await writeMeta(ledger.db, lastBackupKey, String(context.now()));
    const removed = keep === null ? [] : await removeOlder(directory, inventory.fleet, keep);
    return { ...content, path, bytes: (await stat(path)).size, removed };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Sessions, states and what was removed or replaced, as they lie there: encrypted. */
async function* vaultFiles(vault: string, goOn: () => void): AsyncGenerator<CarriedFile> {
  for (const folder of ['', 'states', 'removed']) {
    const names = await readdir(join(vault, folder)).catch(() => []);
    for (const name of names
      .filter((each) => each.endsWith('.age') && !each.startsWith('.'))
      .sort()) {
      goOn();
      yield {
        path: folder === '' ? name : `${folder}/${name}`,
        content: await readFile(join(vault, folder, name)),
      };
    }
  }
}

async function removeOlder(directory: string, fleet: string, keep: number): Promise<string[]> {
  const pattern = /^\d{8}T\d{6}Z\.age$/;
  const prefix = `fleet-${fleet}-`;
  const names = (await readdir(directory))
    .filter((name) => name.startsWith(prefix) && pattern.test(name.slice(prefix.length)))
    .sort();
  const old = names.slice(0, Math.max(0, names.length - keep));
  for (const name of old) await rm(join(directory, name));
  return old;
}

interface UnpackOptions {
  readonly takesUnsealed?: boolean;
  /** Called between two files; throws where it should end. */
  readonly goOn?: () => void;
}

/**
 * Decrypts a backup into the new folder `directory` and reads all of it. Errors: `vault`,
 * `vault-key`, `ledger-corrupt`, `ledger-newer`.
 */
export async function unpackBackup(
  path: string,
  directory: string,
  identity: string,
  { takesUnsealed = false, goOn = () => undefined }: UnpackOptions = {},
): Promise<UnpackedBackup> {
  await mkdir(directory, { mode: 0o700 });
  const [ledgerPath, vaultPath] = [join(directory, 'ledger.db'), join(directory, 'vault')];
  await unsealFile(path, ledgerPath, identity, takesUnsealed);
  const files = carriedFiles(ledgerPath);
  for (const { path: name, content } of files) {
    goOn();
    await writeCarried(vaultPath, name, content);
  }
  unloadCopy(ledgerPath);
  const vault = await openVault({ directory: vaultPath, readIdentity: async () => identity });
  const sessions = new Set(await vault.list());
  for (const account of sessions) {
    goOn();
    (await vault.get(account)).session.authKey.fill(0);
  }
  const ledger = await openLedger(ledgerPath);
  try {
    const accounts = await listAccounts(ledger.db);
    const lastRun = await ledger.db
      .selectFrom('runs')
      .select('started_at')
      .orderBy('serial', 'desc')
      .limit(1)
      .executeTakeFirst();
    return {
      ...{ directory, ledgerPath, vaultPath, files: files.map(({ path: name }) => name) },
      accounts: accounts.length,
      withoutSession: accounts
        .filter(({ name }) => !sessions.has(name as AccountName))
        .map(({ name }) => name),
      sessions: sessions.size,
      serial: await lastSerial(ledger.db),
      lastRunMs: lastRun?.started_at ?? null,
      fleet: await readMeta(ledger.db, fleetKey),
    };
  } finally {
    await ledger.close();
  }
}

/** Names of the vault's files: accounts, their states, and what was removed or replaced. */
const carriedPattern = /^(?:states\/|removed\/)?(?!\.)[^/\p{Cc}]{1,200}\.age$/u;

async function writeCarried(vault: string, name: string, content: Uint8Array): Promise<void> {
  if (typeof name !== 'string' || !carriedPattern.test(name)) {
    throw new FleetError(
      'vault',
      `The backup holds a file that fleet would not have put there: ${name}`,
      { hint: 'Use another backup.' },
    );
  }
  makeFolder(dirname(join(vault, name)));
  await createDurableFile(join(vault, name), content);
}
