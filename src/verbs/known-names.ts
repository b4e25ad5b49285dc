import type { LedgerDb } from '../ledger/ledger.ts';
import type { CalledAccount } from '../model/called.ts';
import type { Desk } from './desk.ts';
import { loadInventoryOf, secretReader } from './open-context.ts';

/** Which inventory is meant. */
export type Inventoried = Pick<Desk, 'inventory' | 'readInventory'>;

const load = ({ inventory, readInventory }: Inventoried) =>
  loadInventoryOf({
    ...{ inventory, note: () => undefined },
    ...(readInventory === undefined ? {} : { readInventory }),
  });

/**
 * What the ledger of this inventory says; null where there is no ledger yet: nothing is made for a
 * look.
 */
async function readLedger<T>(
  desk: Inventoried,
  read: (db: LedgerDb) => Promise<T>,
): Promise<T | null> {
  const [{ existsSync }, { accessTo, openLedger }] = await Promise.all([
    import('node:fs'),
    import('../ledger/ledger.ts'),
  ]);
  const inventory = await load(desk);
  const { ledger: place } = inventory;
  if (place.kind === 'file' && !existsSync(place.path)) return null;
  const ledger = await openLedger(accessTo(place, secretReader(inventory)));
  try {
    return await read(ledger.db);
  } finally {
    await ledger.close();
  }
}

/**
 * Every account that the ledger knows, with what people call it. Errors: those of the inventory and
 * the ledger.
 */
export async function readKnownAccounts(desk: Inventoried): Promise<readonly CalledAccount[]> {
  const { listAccounts } = await import('../ledger/queries/accounts.ts');
  const read = async (db: LedgerDb) =>
    (await listAccounts(db)).map(({ name, display_name: displayName }) => ({ name, displayName }));
  return (await readLedger(desk, read)) ?? [];
}

/** Every account that the inventory names. Errors: those of the inventory. */
export async function readNamedAccounts(desk: Inventoried): Promise<readonly string[]> {
  return (await load(desk)).accounts.map(({ name }) => name);
}

/**
 * Every host of the inventory, and every other one that the ledger knows. Errors: those of the
 * inventory and the ledger.
 */
export async function readKnownHosts(desk: Inventoried): Promise<readonly string[]> {
  const { listHosts } = await import('../ledger/queries/hosts.ts');
  const inLedger =
    (await readLedger(desk, async (db) => (await listHosts(db)).map(({ name }) => name))) ?? [];
  return [...new Set([...(await load(desk)).hosts.map(({ name }) => name as string), ...inLedger])];
}
