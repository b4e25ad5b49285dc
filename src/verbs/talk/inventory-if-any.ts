import { FleetError } from '../../model/errors.ts';
import type { Inventory } from '../../model/inventory.ts';
import type { Desk } from '../desk.ts';
import { loadInventoryOf } from '../open-context.ts';

/**
 * The inventory, or null where there is none to be read and none was named: scripts can be tried
 * without one.
 */
export async function inventoryIfAny(desk: Desk): Promise<Inventory | null> {
  try {
    return await loadInventoryOf(desk);
  } catch (error) {
    if (error instanceof FleetError && error.problems.length === 0 && desk.inventory === undefined)
      return null;
    throw error;
  }
}
