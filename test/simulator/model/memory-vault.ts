import { FleetError } from '../../../src/model/errors.ts';
import type { AccountName } from '../../../src/model/names.ts';
import type { Vault } from '../../../src/vault/vault.ts';
import { serializeRecord, type VaultRecord, vaultHashOf } from '../../../src/vault/vault-record.ts';

export interface MemoryVault extends Vault {
  /** Accounts whose session was put aside by `accounts remove`. */
  readonly removed: ReadonlySet<string>;
  /**
   * What was written last, a session or a state beside it, is not there after all. Gives the
   * account of which a sweep had copied that state; null: it was none.
   */
  readonly loseLastWrite: () => string | null;
  /** How to take back what was written last; gives what `loseLastWrite` gives. */
  undo: () => string | null;
}

/**
 * The vault without a disk and without age: real encryption works in other threads, for which a
 * simulated moment cannot wait.
 */
export function memoryVault(): MemoryVault {
  const removed = new Set<string>();
  const records = new Map<
    AccountName,
    VaultRecord & { keyId: VaultRecord['session']['keyId']; vaultHash: string }
  >();
  const find = (account: AccountName) => {
    const record = records.get(account);
    if (record !== undefined) return record;
    throw new FleetError('vault', `no session of ${account}`, { account, hint: 'import it' });
  };
  const vault: MemoryVault = {
    removed,
    undo: () => null,
    loseLastWrite: () => {
      const account = vault.undo();
      vault.undo = () => null;
      return account;
    },
    put: async (account, session, meta) => {
      const kept: VaultRecord = {
        ...meta,
        account,
        session: { ...session, authKey: session.authKey.slice() },
      };
      const receipt = { keyId: session.keyId, vaultHash: vaultHashOf(serializeRecord(kept)) };
      const before = records.get(account);
      vault.undo = () => {
        if (before === undefined) records.delete(account);
        else records.set(account, before);
        return null;
      };
      records.set(account, { ...kept, ...receipt });
      removed.delete(account);
      return receipt;
    },
    get: async (account) => {
      const record = find(account);
      return { ...record, session: { ...record.session, authKey: record.session.authKey.slice() } };
    },
    list: async () => [...records.keys()].sort(),
    remove: async (account) => {
      find(account);
      records.delete(account);
      removed.add(account);
      return `removed/${account}`;
    },
    vaultHash: async (account) => find(account).vaultHash,
  };
  return vault;
}
