import { parseInventory } from '../../src/inventory/parse-inventory.ts';
import { FleetError } from '../../src/model/errors.ts';
import type { Inventory } from '../../src/model/inventory.ts';

/** The least that is accepted; 7 lines, so that what a test adds starts at line 8. */
export const minimalYaml = `version: 1
fleet: test
vault: { key: env:VAULT_KEY }
telegram: { api_id: 12345, api_hash: env:API_HASH }
hosts:
  web-1: { address: 192.0.2.1 }
  web-2:
`;

export const parsed = (text: string): Inventory =>
  parseInventory(text, { path: '/ops/inventory.yaml', home: '/home/ann' });

/** The problems of a text that must be refused, without the file's path. */
export const problemsOf = (text: string): readonly string[] => {
  try {
    parseInventory(text, { path: 'i.yaml', home: '/home/ann' });
  } catch (error) {
    if (error instanceof FleetError && error.code === 'inventory')
      return error.problems.map((each) => each.replace(/^i\.yaml:/, ''));
    throw error;
  }
  return [];
};
