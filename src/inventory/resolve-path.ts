import { resolve } from 'node:path';

/** Makes `path` absolute: `~` and `~/...` start at `home`, anything relative starts at `folder`. */
export const resolvePath = (path: string, folder: string, home: string): string => {
  if (path === '~') return home;
  return path.startsWith('~/') ? resolve(home, path.slice(2)) : resolve(folder, path);
};
