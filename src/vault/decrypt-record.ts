import { Decrypter, Encrypter } from 'age-encryption';
import { FleetError } from '../model/errors.ts';
import type { AccountName, KeyId } from '../model/names.ts';
import { openContent, whyNotUsed } from './authentication.ts';
import { parseIdentities, recipientOf } from './vault-key.ts';
import { parseRecord, type VaultRecord, vaultHashOf } from './vault-record.ts';

const damaged = (account: AccountName, path: string, how: string): FleetError =>
  new FleetError('vault', `The vault's session of ${account} is damaged: ${how} (${path})`, {
    account,
    hint:
      'Restore the file from a backup, take a former copy from removed/, or import the ' +
      'session again.',
  });

const wrongKey = (account: AccountName, path: string): FleetError =>
  new FleetError('vault-key', `The vault key does not open the session of ${account} (${path})`, {
    account,
    hint:
      'The session was encrypted for another key: name the key that was in use then. If the ' +
      'key is right, the file is damaged: restore it from a backup.',
  });

const notUsed = (account: AccountName, path: string, why: string): FleetError =>
  new FleetError('vault', `The vault's session of ${account} is not used: ${why} (${path})`, {
    account,
    hint:
      'Somebody else may have put it there. Restore the file from a backup, or import the ' +
      'session again.',
  });

/**
 * The plaintext, or why there is none. age reports every failure alike, so a second identity that
 * matches nothing listens: it is asked only
 * when the header was readable and the real key did not fit.
 */
export const decrypt = async (
  content: Uint8Array,
  identities: readonly string[],
): Promise<Uint8Array | 'wrong-key' | 'damaged'> => {
  let keyDidNotFit = false;
  const decrypter = new Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
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

/** age-encrypts for one recipient. Throws `vault-key` for anything else. */
export const encryptFor = async (recipient: string, plaintext: Uint8Array): Promise<Uint8Array> => {
  const encrypter = new Encrypter();
  try {
    encrypter.addRecipient(recipient);
  } catch {
    throw new FleetError('vault-key', 'The public key of the vault is not an age recipient', {
      hint: 'It must begin with age1.',
    });
  }
  return encrypter.encrypt(plaintext);
};

/**
 * Opens one vault file. Throws `vault-key` (no identity, wrong key) or `vault` (truncated or
 * altered, not a record, another account's
 * record, not authentic, written by a newer fleet). A record without authentication is taken only
 * where `takesLegacy` says so. Intermediate plaintext is
 * zeroed.
 */
export const decryptRecord = async (
  file: Uint8Array,
  identityText: string,
  account: AccountName,
  path: string,
  takesLegacy: () => Promise<boolean>,
): Promise<VaultRecord & { readonly keyId: KeyId; readonly vaultHash: string }> => {
  // Checks the key's own checksum first, so that a mistyped key is not reported as a damaged file.
  await recipientOf(identityText);
  const plaintext = await decrypt(file, parseIdentities(identityText));
  if (typeof plaintext === 'string') {
    throw plaintext === 'wrong-key'
      ? wrongKey(account, path)
      : damaged(account, path, 'it is cut off or was altered');
  }
  const opened = openContent(identityText, 'session', account, plaintext);
  plaintext.fill(0);
  if (opened.form === 'forged' || opened.form === 'misplaced')
    throw notUsed(account, path, whyNotUsed[opened.form]);
  if (opened.form === 'legacy' && !(await takesLegacy()))
    throw notUsed(account, path, whyNotUsed.legacy);
  const content = 'content' in opened ? opened.content : Buffer.alloc(0);
  const vaultHash = vaultHashOf(content);
  const record = opened.form === 'newer' ? 'newer' : parseRecord(content);
  content.fill(0);
  if (record === 'newer') {
    throw new FleetError(
      'vault',
      `The vault's session of ${account} was written by a newer fleet (${path})`,
      {
        account,
        hint: 'Update fleet on this machine.',
      },
    );
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
