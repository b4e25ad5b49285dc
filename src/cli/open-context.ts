import type { Inventory } from '../model/inventory.ts';
import { inventoryPathOf as findInventory, loadInventoryOf as loadInventory } from '../verbs/open-context.ts';
import type { GlobalOptions } from './global-options.ts';
import { printErr } from './terminal.ts';

export const loadInventoryOf = ({ inventory }: Pick<GlobalOptions, 'inventory'>): Promise<Inventory> =>
  loadInventory({ inventory, note: printErr });

/** Its path, as messages call it. Errors: `inventory`. */
export const inventoryPathOf = ({ inventory }: Pick<GlobalOptions, 'inventory'>): Promise<string> =>
  findInventory({ inventory, note: printErr });
