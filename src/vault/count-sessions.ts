import { readdir } from 'node:fs/promises';
import { isAccountName } from '../model/names.ts';

/**
 * Sessions in a vault's folder, by their names: nothing is read. 0 where there is no such folder.
 */
export async function countSessions(directory: string): Promise<number> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
  return names.filter(
    (name) => name.endsWith('.age') && isAccountName(name.slice(0, -'.age'.length)),
  ).length;
}
