import { join } from 'node:path';
import * as z from 'zod';
import { type ChainHead, findChainFault, readChainHead } from '../../ledger/history-chain.ts';
import { readStaleness } from '../../ledger/queries/staleness.ts';
import { FleetError } from '../../model/errors.ts';
import { makeFolder } from '../../surroundings/make-folder.ts';
import { openContent, sealContent } from '../../vault/authentication.ts';
import { readRegularFile, replaceDurably, systemCode } from '../../vault/durable-file.ts';
import type { FleetContext } from '../context.ts';

/**
 * Beside the vault's records, sealed with its key: where the ledger's history stood at the last
 * backup. Who can write the ledger cannot make it fit.
 */
const headName = 'history-head.json';
const headLimitBytes = 16 * 1024;

const headSchema = z.object({
  authorityId: z.string(),
  length: z.int().nonnegative(),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

/** Notes where the history stands now. Errors: `vault-key`. */
export async function noteHistoryHead(
  { inventory, ledger }: FleetContext,
  identityText: string,
): Promise<void> {
  const content = JSON.stringify({
    authorityId: ledger.authorityId,
    ...(await readChainHead(ledger.db)),
  });
  makeFolder(inventory.paths.vault);
  const path = join(inventory.paths.vault, headName);
  await replaceDurably(
    path,
    `${path}.${process.pid}.tmp`,
    sealContent(identityText, 'mark', 'history', Buffer.from(content)),
  );
}

/**
 * The head that was noted last for this ledger; null: none. Errors: `vault` where it was altered.
 */
async function readHistoryHead(
  { inventory, ledger }: FleetContext,
  identityText: string,
): Promise<ChainHead | null> {
  const path = join(inventory.paths.vault, headName);
  const sealed = await readRegularFile(path, headLimitBytes).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  });
  if (sealed === null) return null;
  const opened = openContent(identityText, 'mark', 'history', sealed);
  const noted =
    opened.form === 'authenticated'
      ? headSchema.safeParse(JSON.parse(opened.content.toString('utf8')))
      : null;
  if (noted?.success !== true)
    throw new FleetError('vault', `The note about the ledger's history was altered (${path})`, {
      hint:
        'Compare the history with a backup: fleet restore FILE --dry-run, fleet history. ' +
        'Then take the file away; the next backup makes it again.',
    });
  return noted.data.authorityId === ledger.authorityId ? noted.data : null;
}

/**
 * What is wrong with the ledger's history, compared with itself and with what was noted at the last
 * backup; null: nothing. Errors: `vault`.
 */
export async function findHistoryFault(
  context: FleetContext,
  identityText: string | null,
): Promise<string | null> {
  const fault = await findChainFault(context.ledger.db);
  if (fault !== null || identityText === null) return fault;
  // A ledger that was restored is older than the note, and says so itself.
  if ((await readStaleness(context.ledger.db)) !== null) return null;
  return findChainFault(context.ledger.db, await readHistoryHead(context, identityText));
}
