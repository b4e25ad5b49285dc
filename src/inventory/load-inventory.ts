import { open } from 'node:fs/promises';
import { FleetError } from '../model/errors.ts';
import { octal } from '../model/file-trust.ts';
import type { Inventory } from '../model/inventory.ts';
import { parseInventory } from './parse-inventory.ts';

/** Bytes of an inventory at most; one of 10,000 hosts has 1 MB. */
const inventoryLimitBytes = 16 * 1024 * 1024;

/**
 * Errors: `inventory` for a file that everybody may change (it names commands and addresses), or
 * that is too long.
 */
async function readBounded(path: string): Promise<string> {
  const handle = await open(path, 'r');
  try {
    const facts = await handle.stat();
    if (facts.isFile() && (facts.mode & 0o002) !== 0)
      throw new FleetError(
        'inventory',
        `The inventory ${path} may be changed by every user of this machine (mode ` +
          `${octal(facts.mode)})`,
        {
          hint:
            'It says which commands are run and where secrets go. Look at what it says, ' +
            `then: chmod go-w '${path}'`,
        },
      );
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of handle.createReadStream({
      autoClose: false,
    }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > inventoryLimitBytes)
        throw new FleetError(
          'inventory',
          `The inventory ${path} is longer than ${inventoryLimitBytes} bytes`,
          {
            hint: 'Name another file.',
          },
        );
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    await handle.close();
  }
}

/**
 * The text of the inventory at `path`. Rejects with `inventory`, also where there is no such file.
 */
export const readInventoryText = async (path: string): Promise<string> => {
  try {
    return await readBounded(path);
  } catch (cause) {
    if (cause instanceof FleetError) throw cause;
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new FleetError(
      'inventory',
      `The inventory ${path} ${isMissing ? 'does not exist' : 'cannot be read'}`,
      {
        hint: 'Go to its folder or below, or name it with --inventory FILE. A new one: fleet new',
        cause,
      },
    );
  }
};

/**
 * Reads and parses the file at `path`. Rejects with `inventory`, also where there is no such file.
 */
export const loadInventory = async (path: string): Promise<Inventory> =>
  parseInventory(await readInventoryText(path), { path });
