import { raiseEpoch } from '../../ledger/queries/accounts.ts';
import { listHosts } from '../../ledger/queries/hosts.ts';
import type { MoveRow } from '../../ledger/schema.ts';
import { FleetError, isUnreachable } from '../../model/errors.ts';
import type { FleetContext } from '../context.ts';
import { doubtOf } from './host-statement.ts';
import { lostFloorLeftMs } from './lost-host.ts';

/**
 * Why the host that an account is on its way to can no longer become its owner: it was declared
 * gone (destroyed, switched off, fenced) and does not answer. A grant that it received no longer
 * counts once its last packets have expired. null: it can. Errors: those of the Remote.
 */
export async function whyTargetIsLost(
  context: FleetContext,
  { account, to_host, key_id, epoch }: MoveRow,
): Promise<FleetError | null> {
  const { ledger, inventory } = context;
  const row = (await listHosts(ledger.db)).find(({ name }) => name === to_host);
  if (row === undefined || row.off_at === null) return null;
  const host = inventory.hosts.find(({ name }) => name === to_host);
  const answers = host !== undefined && (await doesAnswer(context, host));
  if (answers || (await doubtOf(context, to_host, row)) !== null) return null;
  const leftMs = lostFloorLeftMs(context, { account, seenMs: 0 }, row.off_at);
  if (leftMs > 0) await context.pause(leftMs);
  await raiseEpoch(ledger.db, key_id, epoch);
  return new FleetError(
    'claim-refused',
    `${account} did not arrive: ${to_host} was lost meanwhile`,
    {
      account,
      host: to_host,
      hint: 'the account returns to its former host',
    },
  );
}

/** Without authority: a contact would shorten the hold of a host that boots. */
async function doesAnswer(
  context: FleetContext,
  host: FleetContext['inventory']['hosts'][number],
): Promise<boolean> {
  try {
    await context.remoteFor(host).connect();
    return true;
  } catch (error) {
    if (error instanceof FleetError && isUnreachable(error)) return false;
    throw error;
  }
}
