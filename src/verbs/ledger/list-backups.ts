import { resolve } from 'node:path';
import { FleetError } from '../../model/errors.ts';
import { option } from '../input.ts';
import { loadInventoryOf, secretReader } from '../open-context.ts';
import { defineErrand } from '../verb.ts';

/** `fleet backup list`. */
export const listBackups = defineErrand({
  name: 'backup list',
  group: 'ledger',
  summary: 'list the backups in a folder, newest first, and whether the vault key opens them',
  input: {
    to: option({
      of: 'folder',
      shown: 'folder',
      words: 'where they are (default: backups/ beside the ledger)',
    }),
  },
  examples: [
    ['backup list', 'those beside the ledger'],
    ['backup list --to /mnt/backups', 'those in another folder'],
  ],
  files: ['inventory', 'key', 'backups'],
  effects: 'nothing',
  async run(desk, { to }) {
    const inventory = await loadInventoryOf(desk);
    const workflow = await import('../../workflows/custody/list-backups.ts');
    const folder = to === undefined ? inventory.paths.backups : resolve(to);
    const identity = await secretReader(inventory)(inventory.vaultKey).catch((error: unknown) => {
      if (error instanceof FleetError) return null;
      throw error;
    });
    return { folder, backups: await workflow.listBackups(folder, inventory.fleet, identity) };
  },
  toJson: (found) => found,
});
