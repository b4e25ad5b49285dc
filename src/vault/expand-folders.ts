import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isStoreFile } from '../sessions/store-session.ts';
import { isTdataFile } from '../sessions/tdata.ts';

const namesIn = async (path: string): Promise<readonly string[] | null> => {
  const isFolder = await stat(path).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
  return isFolder ? readdir(path).catch(() => null) : null;
};

/** A folder that is itself a login, or several: of Telegram Desktop, or of StoreSession. */
const isLogin = (path: string, names: readonly string[]): boolean =>
  basename(path) === 'tdata' ||
  names.includes('tdata') ||
  names.some((name) => isTdataFile(name) || isStoreFile(name));

/**
 * Names that people give to session files; what SQLite and others keep beside them is read with
 * them.
 */
const isSessionName = (name: string): boolean =>
  !name.startsWith('.') && /\.(?:session|sqlite|sqlite3|db|txt|string|zip)$|^[^.]+$/i.test(name);

/**
 * The paths, and in the place of each folder of sessions what lies in it, sorted by name: session
 * files, and folders that are a login. A folder that is itself a login,
 * one with nothing of that kind, and what is no folder stays as it is.
 */
export async function expandFolders(paths: readonly string[]): Promise<readonly string[]> {
  const expanded = await Promise.all(
    paths.map(async (path) => {
      const names = await namesIn(path);
      if (names === null || isLogin(path, names)) return [path];
      const inner = await Promise.all(
        names.toSorted().map(async (name) => {
          const own = join(path, name);
          const below = await namesIn(own);
          return (below === null ? isSessionName(name) : isLogin(own, below)) ? [own] : [];
        }),
      );
      const found = inner.flat();
      return found.length === 0 ? [path] : found;
    }),
  );
  return [...new Set(expanded.flat())];
}
