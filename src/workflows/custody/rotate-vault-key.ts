import { realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { recordEvent } from '../../ledger/queries/events.ts';
import { FleetError } from '../../model/errors.ts';
import {
  createWhole,
  replaceDurably,
  sweepTemporary,
  systemCode,
  temporaryFor,
} from '../../vault/durable-file.ts';
import { type Rekeyed, rekeyVault } from '../../vault/rotate-vault.ts';
import {
  keyText,
  newKey,
  parseIdentities,
  readVaultKey,
  recipientOf,
} from '../../vault/vault-key.ts';
import type { FleetContext } from '../context.ts';

export interface RotatedKey extends Rekeyed {
  /** Public recipient of the new key. */
  readonly recipient: string;
  /** The key's file; null: the key is no file, and the operator takes the former line away. */
  readonly path: string | null;
  /** Where the former key is kept; null as above. */
  readonly formerPath: string | null;
  /** An earlier run had begun it. */
  readonly isResumed: boolean;
}

const replaceKey = (path: string, text: string): Promise<void> =>
  replaceDurably(path, temporaryFor(path), text);

/** Keeps the former key beside the new one, under a name that says which it is. */
async function keepFormer(path: string, identity: string): Promise<string> {
  const recipient = await recipientOf(identity);
  const kept = `${path}.before-${recipient.slice(4, 12)}`;
  try {
    await createWhole(
      kept,
      '# former vault key: opens backups that were made with it\n# public key: ' +
        `${recipient}\n${identity}\n`,
    );
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    if (parseIdentities(await readVaultKey(kept))[0] !== identity)
      throw new FleetError('vault-key', `${kept} is there already and holds another key`, {
        hint: 'Move it elsewhere, then run the same command again.',
      });
  }
  return kept;
}

/**
 * The text of the key with both identities, the new one first. Made here where the key is a file;
 * else the operator puts it there.
 */
async function bothKeys(
  { inventory, readSecret }: FleetContext,
  path: string | null,
): Promise<{ readonly text: string; readonly isResumed: boolean }> {
  const text = path === null ? await readSecret(inventory.vaultKey) : await readVaultKey(path);
  await recipientOf(text);
  const identities = parseIdentities(text);
  if (identities.length > 1) return { text, isResumed: path !== null };
  if (path === null)
    throw new FleetError(
      'usage',
      `vault.key is ${inventory.vaultKey.kind}:..., not a file that fleet could change`,
      {
        hint:
          'make a key (age-keygen), put its AGE-SECRET-KEY line in front of the one that is ' +
          'there, run this again, then take the former line away',
      },
    );
  const fresh = await newKey();
  const both =
    `${fresh.text}# the former key, while the vault is written anew: fleet vault rotate-key ` +
    `ends it\n${identities[0]}\n`;
  await replaceKey(path, both);
  return { text: both, isResumed: false };
}

/**
 * Gives the vault a new key. While it works the key holds both identities, so that every file of
 * the vault can be read at any moment, by every command; killed
 * anywhere, the same command goes on. The former key is kept for backups that were made with it.
 * `path`: of the key's file; null where it is none. The caller
 * holds the ledger's lock. Errors: `usage`, `vault`, `vault-key`.
 */
export async function rotateVaultKey(
  context: FleetContext,
  path: string | null,
): Promise<RotatedKey> {
  const { inventory, ledger, now } = context;
  // What a link leads to is the key; the link stays.
  const real = path === null ? null : await realpath(path).catch(() => path);
  if (real !== null) await sweepTemporary(dirname(real), basename(real));
  const { text, isResumed } = await bothKeys(context, real);
  const [first, former] = parseIdentities(text);
  const recipient = await recipientOf(first);
  const rekeyed = await rekeyVault(inventory.paths.vault, text);
  const formerPath = real === null || former === undefined ? null : await keepFormer(real, former);
  await recordEvent(ledger.db, { at: now(), kind: 'vault-key-changed', recipient, formerPath });
  if (real !== null) await replaceKey(real, keyText(first, recipient));
  return { ...rekeyed, recipient, path: real, formerPath, isResumed };
}
