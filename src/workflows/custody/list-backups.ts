import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FleetError } from '../../model/errors.ts';
import { systemWords } from '../../surroundings/system-error.ts';
import { opensBackup } from '../../vault/backup-file.ts';
import { systemCode } from '../../vault/durable-file.ts';

export interface ListedBackup {
  readonly path: string;
  /** ISO 8601, from its name. */
  readonly madeAt: string;
  readonly bytes: number;
  /**
   * Whether the vault's key opens it: its header is read, not the rest. Null: there is no key to
   * ask.
   */
  readonly isOpenable: boolean | null;
}

/**
 * Backups of `fleet` in a folder, newest first. `identity` null: the key cannot be had. Error
 * `usage`: the folder cannot be read.
 */
export async function listBackups(
  folder: string,
  fleet: string,
  identity: string | null,
): Promise<readonly ListedBackup[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    if (systemCode(cause) === 'ENOENT') return [];
    throw new FleetError('usage', `${folder} cannot be read: ${systemWords(cause).said}`, {
      hint: 'Name the folder by --to FOLDER.',
      cause,
    });
  });
  const found = names.flatMap((name) => {
    const time = name.startsWith(`fleet-${fleet}-`)
      ? /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.age$/.exec(name.slice(`fleet-${fleet}-`.length))
      : null;
    if (time === null) return [];
    const [, year, month, day, hour, minute, second] = time;
    return [
      { path: join(folder, name), madeAt: `${year}-${month}-${day}T${hour}:${minute}:${second}Z` },
    ];
  });
  const sorted = found.toSorted((a, b) => (a.madeAt < b.madeAt ? 1 : -1));
  return Promise.all(
    sorted.map(async (each) => ({
      ...each,
      bytes: (await stat(each.path)).size,
      isOpenable: identity === null ? null : await opensBackup(each.path, identity),
    })),
  );
}
