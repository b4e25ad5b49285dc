import { chmod, chown, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { addHost } from '../../inventory/new/add-host.ts';
import type { DraftHost } from '../../inventory/new/draft.ts';
import { parseInventory } from '../../inventory/parse-inventory.ts';
import { FleetError } from '../../model/errors.ts';
import type { Inventory } from '../../model/inventory.ts';
import { atPath } from '../../surroundings/system-error.ts';
import {
  createDurableFile,
  syncDirectory,
  systemCode,
  temporaryFor,
} from '../../vault/durable-file.ts';

/** An inventory with one host more, not written yet. */
export interface AddedHost {
  readonly path: string;
  /** As it was read. */
  readonly before: string;
  readonly after: string;
  readonly inventory: Inventory;
}

/**
 * Decides, writes nothing. Errors: `usage`, the host is there already; `inventory`, with every
 * mistake of what would be written.
 */
export function planAddHost(path: string, before: string, host: DraftHost): AddedHost {
  const known = parseInventory(before, { path });
  if (known.hosts.some(({ name }) => name === host.name))
    throw new FleetError('usage', `${path} has a host ${host.name} already`, {
      host: host.name,
      hint: `fleet config show ${host.name} shows it; change it in the file`,
    });
  const after = addHost(before, host);
  const inventory = parseInventory(after, { path });
  const others = inventory.hosts.filter(({ name }) => name !== host.name);
  // An alias or an odd layout that an entry more would change: better no host than another
  // inventory.
  if (!isDeepStrictEqual({ ...inventory, hosts: others }, { ...known, hosts: known.hosts }))
    throw new FleetError(
      'inventory',
      `${path} cannot be changed without changing more than the host ${host.name}`,
      {
        hint: 'Add the host in an editor.',
      },
    );
  return { path, before, after, inventory };
}

/**
 * Puts the text in the place of the file, whole or not at all; mode and owner stay. Error
 * `inventory`: somebody else has changed it meanwhile.
 */
export async function writeAddedHost({ path, before, after }: AddedHost): Promise<void> {
  const real = await realpath(path);
  const { mode, uid, gid } = await stat(real);
  const temp = temporaryFor(real);
  try {
    await createDurableFile(temp, after);
    await chown(temp, uid, gid).catch((error: unknown) => {
      if (systemCode(error) !== 'EPERM') throw error;
    });
    await chmod(temp, mode & 0o777);
    if ((await readFile(real, 'utf8')) !== before)
      throw new FleetError('inventory', `${path} was changed while the host was added`, {
        hint: 'Run it again.',
      });
    await rename(temp, real);
  } catch (error) {
    throw atPath(error, path, temp);
  } finally {
    await rm(temp, { force: true });
  }
  await syncDirectory(dirname(real));
}
