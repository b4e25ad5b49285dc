import type { AccountSample, HostSample } from '../../../hostside/protocol/sample.ts';
import { accountStateIn } from '../../facts/account-state.ts';
import { interruptionBetween, stateSince } from '../../facts/interruption.ts';
import {
  listAccounts,
  type PlacedAccount,
  setStateSince,
  setUserId,
  setUsername,
} from '../../ledger/queries/accounts.ts';
import { changeAccountState, recordEvent } from '../../ledger/queries/events.ts';
import { sampleBefore } from '../../ledger/queries/records.ts';
import type { AccountState } from '../../model/account-state.ts';
import type { FleetContext } from '../context.ts';
import type { HostReading } from './read-samples.ts';

/** States that the ledger sets itself; what a host says does not overrule them. */
export const ownStates: ReadonlySet<AccountState> = new Set(['removing', 'detached', 'stored']);

/** Brings the accounts' states in the ledger in line with fresh samples; a change is an event. */
export async function recordStates(
  context: FleetContext,
  readings: readonly HostReading[],
): Promise<void> {
  const byHost = new Map(
    readings
      .filter(({ problem }) => problem === null)
      .map((reading) => [reading.host.name as string, reading]),
  );
  for (const account of await listAccounts(context.ledger.db)) {
    const reading = account.host === null ? undefined : byHost.get(account.host);
    if (reading?.sample && !ownStates.has(account.state))
      await recordState(context, account, reading);
  }
}

async function recordState(
  context: FleetContext,
  account: PlacedAccount,
  reading: HostReading,
): Promise<void> {
  const { sample, takenAtMs } = reading;
  // A sample older than the grant does not show it; a grant that lies in the future was written by
  // a clock that was ahead.
  const placedMs = account.placed_since ?? 0;
  if (sample === null || ((takenAtMs ?? 0) < placedMs && placedMs <= context.now())) return;
  const { db } = context.ledger;
  const { state, reason } = accountStateIn(sample, account.key_id, account.wanted === 1, {
    state: account.state,
    reason: account.state_reason,
  });
  const own = sample.accounts.find(({ keyId }) => keyId === account.key_id);
  const saidMs =
    own?.status?.state === state && takenAtMs !== null ? stateSince(sample, own, takenAtMs) : null;
  const atMs = sinceWhen(saidMs, account, context.now());
  const report = { account: account.name, host: account.host, state, reason };
  const isNew = await changeAccountState(db, report, atMs);
  if (
    !isNew &&
    state === 'online' &&
    own !== undefined &&
    atMs < context.now() &&
    atMs - account.state_since > clockErrorMs
  )
    await recordInterruption(context, account, own, { takenAtMs: takenAtMs ?? 0, atMs });
  const userId = own?.status?.userId ?? null;
  if (userId !== null && account.user_id === null) await setUserId(db, account.name, userId);
  const username = own?.status?.username;
  if (username !== undefined && username !== account.username)
    await setUsername(db, account.name, username);
}

/**
 * Two readings of the same moment by a host's clock may differ by this much on this machine's
 * clock, ms.
 */
const clockErrorMs = 5_000;

/**
 * What the worker says, where it can be true: not before what is known already, and not in the
 * future.
 */
const sinceWhen = (saidMs: number | null, { state_since }: PlacedAccount, nowMs: number): number =>
  saidMs === null || saidMs > nowMs ? nowMs : Math.min(nowMs, Math.max(saidMs, state_since));

/** It was online at the sweep before and is online now, and was not in between. */
async function recordInterruption(
  { ledger }: FleetContext,
  account: PlacedAccount,
  own: AccountSample,
  { takenAtMs, atMs }: { readonly takenAtMs: number; readonly atMs: number },
): Promise<void> {
  const json =
    account.host === null ? undefined : await sampleBefore(ledger.db, account.host, takenAtMs);
  // It was parsed before it was recorded.
  const before =
    json === undefined
      ? undefined
      : (JSON.parse(json) as HostSample).accounts.find(({ keyId }) => keyId === own.keyId);
  const found = interruptionBetween(before, own);
  await ledger.db.transaction().execute(async (transaction) => {
    await setStateSince(transaction, account.name, 'online', atMs);
    if (found === null) return;
    await recordEvent(transaction, {
      ...{ at: atMs, kind: 'account-interrupted', host: account.host, account: account.name },
      ...found,
    });
  });
}
