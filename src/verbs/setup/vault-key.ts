import { dirname } from 'node:path';
import { resolvePath } from '../../inventory/resolve-path.ts';
import { FleetError } from '../../model/errors.ts';
import type { Inventory } from '../../model/inventory.ts';
import { homeDirectory } from '../../surroundings/operator.ts';
import { loadInventoryOf } from '../open-context.ts';
import { defineChange, defineErrand } from '../verb.ts';

/** null: the key is no file. */
const keyPathOf = ({ vaultKey: { kind, target }, path }: Inventory): string | null =>
  kind === 'file' ? resolvePath(target, dirname(path), homeDirectory()) : null;

/** `fleet vault create-key`. */
export const createKey = defineErrand({
  name: 'vault create-key',
  group: 'setup',
  summary: 'create the vault key that the inventory names (once)',
  input: {},
  examples: [
    ['vault create-key', 'then keep a copy of it elsewhere: without it no session can be read'],
    ['accounts import sessions', 'what the key is for'],
  ],
  files: ['inventory', 'key', 'vault'],
  effects: 'files',
  async run(desk) {
    const inventory = await loadInventoryOf(desk);
    const keyPath = keyPathOf(inventory);
    if (keyPath === null) {
      const { kind, target } = inventory.vaultKey;
      throw new FleetError(
        'usage',
        `vault.key is ${kind}:${target}, not a file that fleet could make`,
        {
          hint: 'put the output of age-keygen there, or use file:PATH',
        },
      );
    }
    const { makeVaultKey } = await import('../../vault/provide-vault-key.ts');
    const { path, recipient } = await makeVaultKey(keyPath, inventory.paths.vault);
    return { path, recipient };
  },
  toJson: (made) => made,
});

/** `fleet vault rotate-key`. */
export const rotateKey = defineChange({
  name: 'vault rotate-key',
  group: 'setup',
  summary:
    'encrypt the vault with a new key; run it again if it was interrupted; the former key ' +
    'is kept for older backups',
  input: {},
  examples: [
    ['vault rotate-key', 'then keep a copy of the new key elsewhere'],
    ['backup', 'the next step: a backup that the new key opens'],
  ],
  files: ['inventory', 'ledger', 'vault', 'key'],
  plan: async () => null,
  question: () =>
    'Write every record of the vault anew, with a new key? Copies of the former key open ' +
    'only older backups from then on',
  async execute(context) {
    const { rotateVaultKey } = await import('../../workflows/custody/rotate-vault-key.ts');
    return rotateVaultKey(context, keyPathOf(context.inventory));
  },
  toJson: (_, rotated) => ({ ...rotated }),
});
