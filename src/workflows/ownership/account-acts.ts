import type { ActReply, HostAct } from '../../../hostside/protocol/host-acts.ts';
import { awaitedState } from '../../facts/account-state.ts';
import { findAccount, type PlacedAccount, setWanted } from '../../ledger/queries/accounts.ts';
import { changeAccountState } from '../../ledger/queries/events.ts';
import { listOpenMoves } from '../../ledger/queries/moves.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { detached } from '../../ownership/phases.ts';
import type { FleetContext } from '../context.ts';
import { askAsAuthority, helperTimeoutMs, onlineTimeoutMs } from '../hosts/ask-as-authority.ts';
import { readSamples } from '../hosts/read-samples.ts';
import { ownStates, recordStates } from '../hosts/record-states.ts';

/**
 * An account that some host owns, with that host. Errors: `usage` for an unknown or unplaced
 * account, `inventory` for a host that is gone.
 */
export async function findOwned(
  context: FleetContext,
  name: string,
): Promise<{ account: PlacedAccount; host: HostSpec }> {
  const account = await requireAccount(context, name);
  if (account.host === null) {
    throw new FleetError('usage', `${name} is on no host`, {
      account: name,
      hint: `place it first: fleet allocate ${name}`,
    });
  }
  const host = context.inventory.hosts.find((candidate) => candidate.name === account.host);
  if (host !== undefined) return { account, host };
  throw new FleetError(
    'inventory',
    `${name} is owned by ${account.host}, which is not in the inventory`,
    {
      account: name,
      host: account.host,
      hint: 'put the host back into the inventory',
    },
  );
}

export async function requireAccount(
  context: Pick<FleetContext, 'ledger'>,
  name: string,
): Promise<PlacedAccount> {
  const account = await findAccount(context.ledger.db, name);
  if (account !== undefined) return account;
  throw new FleetError('usage', `no such account: ${name}`, {
    account: name,
    hint: 'fleet accounts list shows those that were imported',
  });
}

/** A host did not do what it was asked: `reply` is its own word. */
export class ActRefused extends FleetError {
  readonly reply: ActReply;

  constructor(host: string, account: string, reply: ActReply) {
    const isForeign = reply.refusal === 'authority';
    const hint = isForeign
      ? `use the ledger that ${host} obeys; if it is lost: fleet adopt; if it is out of use ` +
        `for good: fleet hosts take-over ${host}`
      : isHold(reply)
        ? 'fleet sweep gives it back once every host was asked'
        : 'fleet accounts show tells what the host owns; run this again once the cause is gone';
    const message = `${host} refused: ${reply.message ?? reply.refusal ?? 'no reason given'}`;
    super(isForeign ? 'authority-refused' : 'claim-refused', message, { host, account, hint });
    this.reply = reply;
  }
}

/** The claim stands, and the host starts nothing under it: it has booted, and holds the account. */
export const isHold = ({ refusal, claim }: ActReply): boolean =>
  refusal === 'state' && claim?.state === 'active' && claim.heldSince !== undefined;

/**
 * Sends acts to an owner with this run's authority and gives the replies. Errors: those of {@link
 * askAsAuthority}, {@link ActRefused}, `interrupted` where Ctrl-C came before they were sent.
 */
export async function actOnOwner(
  context: FleetContext,
  run: Run,
  host: HostSpec,
  account: string,
  acts: readonly HostAct[],
): Promise<readonly ActReply[]> {
  const replies = await askAsAuthority(context, run, host, acts, {
    timeoutMs: helperTimeoutMs + onlineTimeoutMs,
    endsBySignal: true,
  });
  const refused = replies.find(({ ok }) => !ok);
  if (refused === undefined) return replies;
  throw new ActRefused(host.name, account, refused);
}

/**
 * An account that is on its way out is neither started nor stopped by hand: its state says so until
 * it is gone. Errors: `in-doubt`.
 */
export async function refuseLeaving(context: FleetContext, name: string): Promise<void> {
  const leaving = (await listOpenMoves(context.ledger.db)).find(
    ({ account, to_host }) => account === name && to_host === detached,
  );
  if (leaving === undefined) return;
  throw new FleetError('in-doubt', `${name} is being taken out of the fleet (${leaving.phase})`, {
    account: name,
    hint: `finish that first: fleet accounts remove ${name}, or export it again`,
  });
}

/**
 * Stops the worker and keeps it stopped, also over a reboot of its host. The host still owns the
 * account. Safe to repeat.
 */
export async function stopAccount(context: FleetContext, run: Run, name: string): Promise<void> {
  const { account, host } = await findOwned(context, name);
  await refuseLeaving(context, name);
  await actOnOwner(context, run, host, name, [{ act: 'stop', keyId: account.key_id }]);
  await setWanted(context.ledger.db, name, false);
  await noteState(context, account, 'stopped', 'by the operator');
}

/**
 * Starts a stopped account where it is and waits until it is settled. Throws `account-offline` when
 * that is not online. Safe to repeat.
 */
export async function startAccount(context: FleetContext, run: Run, name: string): Promise<void> {
  const { account, host } = await findOwned(context, name);
  await refuseLeaving(context, name);
  // The wish stands even if its host may not start it now: the next sweep gives it back.
  await setWanted(context.ledger.db, name, true);
  const keyIds = [account.key_id];
  const replies = await actOnOwner(context, run, host, name, [
    { act: 'start', keyId: account.key_id },
    { act: 'await', keyIds, timeoutMs: onlineTimeoutMs },
  ]);
  const result = replies[1]?.result;
  const awaited = result?.kind === 'awaited' ? result.accounts[0] : undefined;
  const state = awaited === undefined ? 'offline' : awaitedState(awaited);
  const reason = awaited?.reason ?? 'the host did not say';
  await noteState(context, account, state, reason);
  if (state !== 'online') {
    throw new FleetError('account-offline', `${name} on ${host.name} is ${state}: ${reason}`, {
      account: name,
      host: host.name,
      hint: `watch it with: fleet logs ${name} -f`,
    });
  }
}

/**
 * What the host said counts only while the account is still its own: another command may have moved
 * it, or taken it out of the fleet, meanwhile.
 */
async function noteState(
  context: FleetContext,
  account: PlacedAccount,
  state: PlacedAccount['state'],
  reason: string,
): Promise<void> {
  await context.ledger.db.transaction().execute(async (transaction) => {
    const now = await findAccount(transaction, account.name);
    if (
      now === undefined ||
      now.host !== account.host ||
      now.epoch !== account.epoch ||
      ownStates.has(now.state)
    )
      return;
    const report = { account: account.name, host: account.host, state, reason };
    await changeAccountState(transaction, report, context.now());
  });
}

/** What the owning worker itself says; no second client is ever opened. */
export interface Verification {
  readonly account: string;
  readonly host: string;
  readonly state: string;
  readonly reason: string;
  /** As Telegram told the worker; null: it has not been online yet. */
  readonly userId: string | null;
  /** Whether that is the user of the imported session; null: one of the two is unknown. */
  readonly isExpectedUser: boolean | null;
  /** Round trip from the host to Telegram, ms. */
  readonly latencyMs: number | null;
  readonly checkedAt: string | null;
}

/** Asks the host of the account now. Errors: those of the Remote, `agent-reply`. */
export async function verifyAccount(context: FleetContext, name: string): Promise<Verification> {
  const { account, host } = await findOwned(context, name);
  const [reading] = await readSamples(context, [host], 0);
  if (reading?.problem) throw reading.problem;
  await recordStates(context, reading === undefined ? [] : [reading]);
  const status =
    reading?.sample?.accounts.find(({ keyId }) => keyId === account.key_id)?.status ?? null;
  const now = await requireAccount(context, name);
  const userId = status?.userId ?? null;
  return {
    account: name,
    host: host.name,
    state: now.state,
    reason: now.state_reason,
    userId,
    isExpectedUser: userId === null || account.user_id === null ? null : userId === account.user_id,
    latencyMs: status?.latencyMs ?? null,
    checkedAt: status?.updatedAt ?? null,
  };
}
