import type { StateRecord, StateStore } from '../../../src/vault/state-store.ts';
import type { Vault } from '../../../src/vault/vault.ts';
import type { MemoryVault } from './memory-vault.ts';

const stores = new WeakMap<Vault, StateStore>();

/**
 * The states beside a vault, without a disk and without age, for the reason that `memoryVault`
 * names. Every process with that vault has the same.
 */
export function memoryStatesOf(vault: Vault): StateStore {
  const known = stores.get(vault);
  if (known !== undefined) return known;
  const records = new Map<string, StateRecord>();
  const store: StateStore = {
    put: async (record) => {
      const before = records.get(record.account);
      if ('undo' in vault) {
        (vault as MemoryVault).undo = () => {
          if (before === undefined) records.delete(record.account);
          else records.set(record.account, before);
          return record.moveId.startsWith('sweep-') ? record.account : null;
        };
      }
      records.set(record.account, { ...record, archive: record.archive.slice() });
    },
    get: async (account) => records.get(account) ?? null,
    freeBytes: async () => 2 ** 40,
  };
  stores.set(vault, store);
  return store;
}
