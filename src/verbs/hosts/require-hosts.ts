import { FleetError } from '../../model/errors.ts';
import type { OpenContext } from '../open-context.ts';

/** Names that the inventory or the ledger knows. Errors: `usage`, for all unknown ones at once. */
export async function requireHosts(context: OpenContext, names: readonly string[]): Promise<void> {
  const { ensureHosts, listHosts } = await import('../../ledger/queries/hosts.ts');
  const inInventory = context.inventory.hosts.map(({ name }) => name as string);
  await ensureHosts(context.ledger.db, inInventory);
  const known = new Set((await listHosts(context.ledger.db)).map(({ name }) => name));
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new FleetError('usage', `no such host: ${unknown.join(', ')}`, {
      hint: 'fleet hosts list shows the known ones',
    });
}
