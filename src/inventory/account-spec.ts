import { bundledLingerMs } from '../../hostside/protocol/linger.ts';
import type { AccountSpec, Inventory } from '../model/inventory.ts';
import type { AccountName } from '../model/names.ts';

/**
 * What is known about an account: its own entry, or the defaults where the inventory does not name
 * it.
 */
export const accountSpecFor = (inventory: Inventory, name: AccountName): AccountSpec =>
  inventory.accounts.find((account) => account.name === name) ?? {
    ...inventory.accountDefaults,
    name,
  };

/** How long Telegram may count a connection of the account whose machine is gone, ms. */
export const lingerMsOf = (inventory: Inventory, name: AccountName): number =>
  accountSpecFor(inventory, name).worker?.lingerMs ?? bundledLingerMs;
