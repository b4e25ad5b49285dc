import { resolve } from 'node:path';
import { option } from '../input.ts';
import { backupErrors } from '../results/upkeep/backup.ts';
import { defineLook } from '../verb.ts';

/**
 * `fleet backup`. It works beside others, and changes the ledger's note of its last backup only.
 */
export const backup = defineLook({
  name: 'backup',
  group: 'ledger',
  summary:
    'write ledger and vault into one encrypted file, and check it by restoring it to a ' +
    'scratch folder; for cron',
  input: {
    to: option({
      of: 'folder',
      shown: 'folder',
      words: 'where it goes (default: backups/ beside the ledger)',
    }),
    keep: option({
      ...{ of: 'count', shown: 'count', range: { min: 1, max: 100_000 }, example: '14' },
      words: 'keep this many of the newest backups in that folder, and remove older ones',
    }),
  },
  examples: [
    ['backup', 'to backups/ beside the ledger'],
    ['backup --to /mnt/backups --keep 14', 'for cron: elsewhere, the newest fourteen stay'],
    ['restore backups/FILE --dry-run', 'what such a file would put back'],
  ],
  files: ['inventory', 'ledger', 'vault', 'key', 'backups'],
  effects: 'files',
  async look(context, { to, keep }) {
    const [{ makeBackup }, { refuseLostLedger }] = await Promise.all([
      import('../../workflows/custody/backup.ts'),
      import('../../workflows/custody/lost-ledger.ts'),
    ]);
    await refuseLostLedger(context);
    const directory = to === undefined ? context.inventory.paths.backups : resolve(to);
    return makeBackup(context, directory, keep ?? null);
  },
  toJson: (made) => ({ ...made, lastRunMs: undefined }),
  problems: backupErrors,
});
