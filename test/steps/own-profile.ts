import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Operator } from '../e2e/operator.ts';

/** Writes the operator's own profile `mine` beside the inventory, and gives it to every host. */
export async function useProfile({ directory }: Operator, text: string): Promise<void> {
  const inventory = join(directory, 'inventory.yaml');
  await mkdir(join(directory, 'profiles'), { recursive: true });
  await writeFile(join(directory, 'profiles', 'mine.yaml'), text);
  const before = await readFile(inventory, 'utf8');
  await writeFile(
    inventory,
    before.replace(
      'defaults: { max_accounts: 20 }',
      'defaults: { max_accounts: 20, profile: mine }',
    ),
  );
}
