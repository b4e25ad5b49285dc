import { listAccounts } from '../../ledger/queries/accounts.ts';
import { readMeta, writeMeta } from '../../ledger/queries/meta.ts';
import { lastSerial } from '../../ledger/queries/staleness.ts';
import { FleetError } from '../../model/errors.ts';
import { countSessions } from '../../vault/count-sessions.ts';
import type { FleetContext } from '../context.ts';

type Seen = Pick<FleetContext, 'inventory' | 'ledger'>;

/**
 * Since when the ledger knows this vault from its beginning (ISO 8601): sessions that it does not
 * know are those of an import that was killed.
 */
const vaultBegunKey = 'vault-begun';

/**
 * How many sessions the vault holds although this ledger never had an account and never acted: the
 * ledger that knew them is missing. 0: nothing is missing.
 */
async function sessionsOfLostLedger({ inventory, ledger }: Seen): Promise<number> {
  const { db } = ledger;
  if (
    (await readMeta(db, vaultBegunKey)) !== null ||
    (await lastSerial(db)) > 0 ||
    (await listAccounts(db)).length > 0
  )
    return 0;
  return countSessions(inventory.paths.vault);
}

/** For every command that acts, but those that put the ledger right. Errors: `ledger-stale`. */
export async function refuseLostLedger(context: Seen & Pick<FleetContext, 'now'>): Promise<void> {
  const { ledger, inventory, now } = context;
  const sessions = await sessionsOfLostLedger(context);
  if (sessions > 0) throw lostLedgerError(ledger.place, inventory.paths.vault, sessions);
  if ((await readMeta(ledger.db, vaultBegunKey)) !== null || (await lastSerial(ledger.db)) > 0)
    return;
  if ((await countSessions(inventory.paths.vault)) === 0)
    await writeMeta(ledger.db, vaultBegunKey, new Date(now()).toISOString());
}

/** What is missing, and both ways back. */
const lostLedgerError = (path: string, vault: string, sessions: number): FleetError =>
  new FleetError(
    'ledger-stale',
    `the ledger ${path} is new, but ` +
      `${sessions === 1 ? '1 session is' : `${sessions} sessions are`} in the vault ` +
      `${vault}: the ledger that knows where they run is missing`,
    {
      hint:
        'put it back in its place (is ledger: in the inventory right?), or bring back a ' +
        'backup: fleet restore FILE; where there is none, rebuild it from what hosts and ' +
        'vault know: fleet adopt',
    },
  );

/** For looks, which go on without it: none, or the one. */
export async function lostLedgerErrors(context: Seen): Promise<FleetError[]> {
  const sessions = await sessionsOfLostLedger(context);
  return sessions === 0
    ? []
    : [lostLedgerError(context.ledger.place, context.inventory.paths.vault, sessions)];
}
