import { type Stats, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FleetError } from '../model/errors.ts';

export const inventoryName = 'inventory.yaml';

export interface SearchOptions {
  readonly cwd: string;
  /**
   * The operator's home: the search ends there, so that it never leaves what is the operator's own.
   */
  readonly home: string;
  /** Ids of users whose file is taken; null: whoever owns it. */
  readonly trustedUsers: readonly number[] | null;
}

const factsOf = (path: string): Stats | null => {
  try {
    return statSync(path);
  } catch {
    return null;
  }
};

/**
 * `inventory.yaml` in the working folder, or else in the nearest folder above it, up to the home
 * (where the search began below it) and never over
 * the border of a file system. Null: there is none. Error `inventory` for a file above that belongs
 * to somebody else: an inventory names
 * commands, and nobody has named this one.
 */
export function findInventory({ cwd, home, trustedUsers }: SearchOptions): string | null {
  const device = factsOf(cwd)?.dev;
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (factsOf(folder)?.dev !== device) return null;
    const path = join(folder, inventoryName);
    const facts = factsOf(path);
    if (facts?.isFile()) {
      if (folder !== cwd && trustedUsers !== null && !trustedUsers.includes(facts.uid))
        throw foreign(path, facts.uid);
      return path;
    }
    if (folder === home || dirname(folder) === folder) return null;
  }
}

const foreign = (path: string, user: number): FleetError =>
  new FleetError(
    'inventory',
    `The inventory ${path}, above this folder, belongs to another user (id ${user})`,
    {
      hint: `It says which commands are run. If you trust it, name it: --inventory '${path}'`,
    },
  );
