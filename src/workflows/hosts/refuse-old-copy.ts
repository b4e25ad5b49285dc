import type { HostSurvey } from '../../../hostside/protocol/host-acts.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import { lastSerial, markStale, staleError } from '../../ledger/queries/staleness.ts';
import type { FleetContext } from '../context.ts';

/**
 * For a host that refused this run: a host that has heard this ledger say something that is not in
 * it proves that the ledger is an old copy (docs/exclusivity.md, row 9). That is noted for good:
 * the next run must not be believed only because its serial happens to be high enough by then. A
 * newer run of the same ledger is not meant. Errors: `ledger-stale`.
 */
export async function refuseOldCopy(
  { ledger }: FleetContext,
  run: Run,
  host: string,
  heard: HostSurvey['authority'],
): Promise<void> {
  if (heard === null || heard.id !== run.authorityId) return;
  const isLater = heard.serial > (await lastSerial(ledger.db));
  // Another run took the same serial: there are two copies.
  const isTwin = heard.serial === run.serial;
  if (!isLater && !isTwin) return;
  const reason =
    `${host} has heard its run ${heard.serial}, which ` +
    `${isLater ? 'it does not know of' : 'was another one'}`;
  await markStale(ledger.db, reason);
  throw staleError(reason);
}
