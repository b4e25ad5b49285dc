import { recordEvent } from '../../ledger/queries/events.ts';
import type { FleetError } from '../../model/errors.ts';
import type { FleetContext } from '../context.ts';

/**
 * An allocation that somebody asked for and that left accounts without a host, or offline, is news:
 * one event an account.
 */
export async function noteFailedAllocation(
  { ledger, now }: FleetContext,
  errors: readonly FleetError[],
): Promise<void> {
  await ledger.db.transaction().execute(async (transaction) => {
    for (const { account, host, message } of errors)
      if (account !== undefined)
        await recordEvent(transaction, {
          at: now(),
          kind: 'allocation-failed',
          host: host ?? null,
          account,
          reason: message,
        });
  });
}
