import { accountStateIn } from '../facts/account-state.ts';
import { listAccounts, type PlacedAccount, setAccountState, setUserId, setUsername } from '../ledger/accounts.ts';
import { recordEvent } from '../ledger/records.ts';
import type { AccountState } from '../model/account-state.ts';
import type { FleetContext } from './context.ts';
import type { HostReading } from './read-samples.ts';

/** States that the ledger sets itself; what a host says does not overrule them. */
export const ownStates: ReadonlySet<AccountState> = new Set(['removing', 'detached', 'stored']);

/** Brings the accounts' states in the ledger in line with fresh samples; a change is an event. */
export async function recordStates(context: FleetContext, readings: readonly HostReading[]): Promise<void> {
  const byHost = new Map(readings.filter(({ problem }) => problem === null).map((reading) => [reading.host.name as string, reading]));
  for (const account of await listAccounts(context.ledger.db)) {
    const reading = account.host === null ? undefined : byHost.get(account.host);
    if (reading?.sample && !ownStates.has(account.state)) await recordState(context, account, reading);
  }
}

async function recordState(context: FleetContext, account: PlacedAccount, { sample, takenAtMs }: HostReading): Promise<void> {
  // A sample from before the grant knows nothing of it; a grant that lies in the future was written by a clock that was ahead.
  const placedMs = account.placed_since ?? 0;
  if (sample === null || ((takenAtMs ?? 0) < placedMs && placedMs <= context.now())) return;
  const { db } = context.ledger;
  const { state, reason } = accountStateIn(sample, account.key_id, account.wanted === 1);
  if (await setAccountState(db, account.name, state, reason, context.now())) {
    await recordEvent(db, { at: context.now(), kind: `account-${state}`, host: account.host, account: account.name, text: reason });
  }
  const status = sample.accounts.find(({ keyId }) => keyId === account.key_id)?.status;
  const userId = status?.userId ?? null;
  if (userId !== null && account.user_id === null) await setUserId(db, account.name, userId);
  if (status?.username !== undefined && status.username !== account.username) await setUsername(db, account.name, status.username);
}
