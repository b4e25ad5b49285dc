import { Decrypter } from 'age-encryption';
import { FleetError } from '../model/errors.ts';
import type { AccountName, KeyId } from '../model/names.ts';
import { parseIdentity, recipientOf } from './vault-key.ts';
import { parseRecord, type VaultRecord, vaultHashOf } from './vault-record.ts';

const damaged = (account: AccountName, path: string, how: string): FleetError =>
  new FleetError('vault', `The vault's session of ${account} is damaged: ${how} (${path})`, {
    account,
    hint: 'Restore the file from a backup, take a former copy from removed/, or import the session again.',
  });

const wrongKey = (account: AccountName, path: string): FleetError =>
  new FleetError('vault-key', `The vault key does not open the session of ${account} (${path})`, {
    account,
    hint: 'The session was encrypted for another key: name the key that was in use then. If the key is right, the file is damaged: restore it from a backup.',
  });

/**
 * The plaintext, or why there is none. age reports every failure alike, so a second identity that matches nothing listens: it is asked only
 * when the header was readable and the real key did not fit.
 */
export const decrypt = async (content: Uint8Array, identity: string): Promise<Uint8Array | 'wrong-key' | 'damaged'> => {
  let keyDidNotFit = false;
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  decrypter.addIdentity({
    unwrapFileKey: () => {
      keyDidNotFit = true;
      return null;
    },
  });
  try {
    return await decrypter.decrypt(content);
  } catch {
    return keyDidNotFit ? 'wrong-key' : 'damaged';
  }
};

/**
 * Opens one vault file. Throws `vault-key` (no identity, wrong key) or `vault` (truncated or altered, not a record, another account's
 * record, written by a newer fleet). Intermediate plaintext is zeroed.
 */
export const decryptRecord = async (
  content: Uint8Array,
  identityText: string,
  account: AccountName,
  path: string,
): Promise<VaultRecord & { readonly keyId: KeyId; readonly vaultHash: string }> => {
  // Checks the key's own checksum first, so that a mistyped key is not reported as a damaged file.
  await recipientOf(identityText);
  const plaintext = await decrypt(content, parseIdentity(identityText));
  if (typeof plaintext === 'string') {
    throw plaintext === 'wrong-key' ? wrongKey(account, path) : damaged(account, path, 'it is cut off or was altered');
  }
  const vaultHash = vaultHashOf(plaintext);
  const record = parseRecord(plaintext);
  plaintext.fill(0);
  if (record === 'newer') {
    throw new FleetError('vault', `The vault's session of ${account} was written by a newer fleet (${path})`, {
      account,
      hint: 'Update fleet on this machine.',
    });
  }
  if (record === 'damaged') {
    throw damaged(account, path, 'it decrypts, but holds no session');
  }
  if (record.account !== account) {
    record.session.authKey.fill(0);
    throw damaged(account, path, `it holds the session of ${record.account}; the file was renamed`);
  }
  return { ...record, keyId: record.session.keyId, vaultHash };
};
