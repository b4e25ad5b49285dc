import { existsSync, lstatSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { NewFleet } from '../../inventory/new/draft.ts';
import { writeDraft } from '../../inventory/new/write-draft.ts';
import { parseInventory } from '../../inventory/parse-inventory.ts';
import { resolvePath } from '../../inventory/resolve-path.ts';
import { FleetError } from '../../model/errors.ts';
import type { Inventory } from '../../model/inventory.ts';
import type { SecretReference } from '../../model/secret-reference.ts';
import { makeFolder } from '../../surroundings/make-folder.ts';
import { homeDirectory } from '../../surroundings/operator.ts';
import { createWhole, systemCode } from '../../vault/durable-file.ts';
import { type ProvidedKey, provideVaultKey } from '../../vault/provide-vault-key.ts';
import type { ReadServers } from './read-servers.ts';

/** A new inventory, checked as every command checks it, before anything is written. */
export interface NewInventory {
  readonly path: string;
  readonly text: string;
  readonly inventory: Inventory;
  readonly notRead: readonly string[];
}

export interface WrittenInventory {
  /** Null: the key is no file that fleet makes. */
  readonly key: ProvidedKey | null;
}

/** Something has this name, be it a link that leads nowhere. */
function isTaken(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return false;
    throw error;
  }
}

const taken = (path: string): FleetError =>
  new FleetError('inventory', `The inventory ${path} exists already: it is never overwritten`, {
    hint:
      'Add a server to it with fleet hosts add NAME ADDRESS, or name another file: fleet -i ' +
      'FILE new',
  });

/**
 * Error `inventory` where the file exists: asked first, so that nobody answers questions in vain.
 */
export function refuseTaken(path: string): void {
  if (isTaken(path)) throw taken(path);
}

/**
 * Decides everything, writes nothing. Errors: `inventory`, with every mistake of what would be
 * written.
 */
export function planNewInventory(
  path: string,
  { draft, from }: ReadServers,
  answers: NewFleet,
): NewInventory {
  refuseTaken(path);
  const text = writeDraft(draft, answers, from);
  return { path, text, inventory: parseInventory(text, { path }), notRead: draft.notRead };
}

/** Where a `file:` reference of this inventory leads; null for other references. */
export const fileOf = (
  { path }: Pick<Inventory, 'path'>,
  { kind, target }: SecretReference,
): string | null => (kind === 'file' ? resolvePath(target, dirname(path), homeDirectory()) : null);

/**
 * The key first (one that is there is used), then the API hash where one was given (a file that is
 * there stays), then the inventory, which appears whole or not at
 * all: cut off anywhere, the same command goes on. Errors: `inventory` where the file exists by
 * now, `vault-key`, `vault`; the system's.
 */
export async function writeNewInventory(
  { path, text, inventory }: NewInventory,
  apiHash: string | null,
): Promise<WrittenInventory> {
  const keyPath = fileOf(inventory, inventory.vaultKey);
  const key = keyPath === null ? null : await provideVaultKey(keyPath, inventory.paths.vault);
  const hashPath = fileOf(inventory, inventory.accountDefaults.telegram.apiHash);
  if (apiHash !== null && hashPath !== null && !existsSync(hashPath)) {
    makeFolder(dirname(hashPath));
    await createWhole(hashPath, `${apiHash}\n`);
  }
  makeFolder(dirname(resolve(path)));
  await createWhole(resolve(path), text).catch((error: unknown) => {
    throw systemCode(error) === 'EEXIST' ? taken(path) : error;
  });
  return { key };
}
