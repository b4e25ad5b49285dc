import { recordEvent } from '../../ledger/queries/events.ts';
import { readMeta, writeMeta } from '../../ledger/queries/meta.ts';
import { FleetError } from '../../model/errors.ts';
import { sentenceOf } from '../../model/events/event.ts';
import { authenticateVault, holdsRecords } from '../../vault/authenticate-vault.ts';
import type { FleetContext } from '../context.ts';

/**
 * Where the ledger remembers, besides the vault's own mark, since when every record of the vault is
 * authenticated (ISO 8601).
 */
export const vaultAuthenticKey = 'vault-authenticated';

/**
 * Once per vault, by a command that holds the ledger's lock: records of a release that wrote no
 * authentication get it. Afterwards the ledger knows, too, so that
 * nobody brings old records back by taking the mark away. Where the key cannot be had, another
 * command does it: those that need the vault say why.
 */
export async function authenticateRecords({
  inventory,
  ledger,
  readSecret,
  report,
  now,
}: FleetContext): Promise<void> {
  if (
    (await readMeta(ledger.db, vaultAuthenticKey)) !== null ||
    !(await holdsRecords(inventory.paths.vault))
  )
    return;
  try {
    const changed = await authenticateVault(
      inventory.paths.vault,
      await readSecret(inventory.vaultKey),
    );
    await writeMeta(ledger.db, vaultAuthenticKey, new Date(now()).toISOString());
    if (changed === 0) return;
    const event = { kind: 'vault-authenticated', records: changed } as const;
    await recordEvent(ledger.db, { at: now(), ...event });
    report({ kind: 'phase', text: sentenceOf(event) });
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
  }
}
