import { readFile } from 'node:fs/promises';
import { FleetError } from '../model/errors.ts';
import type { Inventory } from '../model/inventory.ts';
import { parseInventory } from './parse-inventory.ts';

/** Reads and parses the file at `path`. Rejects with `inventory`, also where there is no such file. */
export const loadInventory = async (path: string): Promise<Inventory> => {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new FleetError('inventory', `The inventory ${path} cannot be read`, {
      hint: 'Name another file with --inventory, or start from a copy of inventory.example.yaml.',
      cause,
    });
  }
  return parseInventory(text, { path });
};
