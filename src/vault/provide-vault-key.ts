import { existsSync } from 'node:fs';
import { FleetError } from '../model/errors.ts';
import { isVaultMarked } from './authenticate-vault.ts';
import { countSessions } from './count-sessions.ts';
import { createVaultKey, readVaultKey, recipientOf } from './vault-key.ts';

export interface ProvidedKey {
  readonly path: string;
  /** The public recipient, `age1...`. */
  readonly recipient: string;
  /** False: it was there already, and is used as it is. */
  readonly isNew: boolean;
}

/**
 * Makes the key file of a vault. Error `vault-key`: the vault's folder holds sessions, which a new
 * key could not read; the file exists, as a key is never
 * overwritten; it cannot be written.
 */
export async function makeVaultKey(path: string, vault: string): Promise<ProvidedKey> {
  const sessions = await countSessions(vault);
  if (sessions > 0 && !existsSync(path))
    throw new FleetError(
      'vault-key',
      `the vault ${vault} holds ${sessions === 1 ? '1 session' : `${sessions} sessions`}, ` +
        'which a new key could not read',
      {
        hint:
          'bring its key back (from where you keep the copy), or name another folder as ' +
          'vault.path in the inventory',
      },
    );
  return { path, recipient: await createVaultKey(path), isNew: true };
}

/**
 * The same, but a sound key that is there already is used. Also `vault`, where the vault's folder
 * belongs to another key.
 */
export async function provideVaultKey(path: string, vault: string): Promise<ProvidedKey> {
  if (!existsSync(path)) return makeVaultKey(path, vault);
  const identity = await readVaultKey(path);
  const recipient = await recipientOf(identity);
  await isVaultMarked(vault, identity);
  return { path, recipient, isNew: false };
}
