import { FleetError } from '../model/errors.ts';
import type { AccountName } from '../model/names.ts';
import type { Vault, VaultReceipt } from './vault.ts';
import type { VaultRecord } from './vault-record.ts';

/**
 * What the vault has of an account, whose session is that of `keyId`. Claims, surveys and fences
 * speak of keys: a host that is given the session of another key would run that one, and nobody
 * would look for who else does. A vault that was put back to a backup from before a login has such
 * a session. The caller zeroes `session.authKey` after use. Errors: `vault`, `vault-key`.
 */
export async function readStoredSession(
  vault: Pick<Vault, 'get'>,
  account: AccountName,
  keyId: string,
): Promise<VaultRecord & VaultReceipt> {
  const stored = await vault.get(account);
  if (stored.session.keyId === keyId) return stored;
  stored.session.authKey.fill(0);
  const [theirs, ours] = [stored.session.keyId.slice(0, 8), keyId.slice(0, 8)];
  throw new FleetError(
    'vault',
    `The vault's session of ${account} has the key ${theirs}, and the account has the key ${ours}`,
    {
      account,
      hint: `was the vault put back to an older copy? Put the newest one back (fleet restore FILE), or: fleet accounts login ${account}`,
    },
  );
}

/** Whether the vault has the session of `keyId` for the account. Errors: `vault`, `vault-key`. */
export async function hasSession(
  vault: Pick<Vault, 'get' | 'list'>,
  account: AccountName,
  keyId: string,
): Promise<boolean> {
  if (!(await vault.list()).includes(account)) return false;
  const { session } = await vault.get(account);
  session.authKey.fill(0);
  return session.keyId === keyId;
}
