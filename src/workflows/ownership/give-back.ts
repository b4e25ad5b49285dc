import type { Claim } from '../../../hostside/protocol/claim.ts';
import type { LedgerDb } from '../../ledger/ledger.ts';
import { findAccount, hasBegunElsewhere, raiseEpoch } from '../../ledger/queries/accounts.ts';
import { advanceMove } from '../../ledger/queries/moves.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import { readDoubt } from '../../ledger/queries/staleness.ts';
import type { MoveRow } from '../../ledger/schema.ts';
import type { AccountState } from '../../model/account-state.ts';
import { FleetError } from '../../model/errors.ts';
import type { GrantIntent } from '../../ownership/evidence.ts';
import type { FleetContext } from '../context.ts';
import { startAccount } from './account-acts.ts';
import type { GrantOutcome } from './grant-outcome.ts';
import { MoveHosts, refusedBy } from './move-hosts.ts';

/**
 * Whether the end of a hold on `host` needs no host that is silent: the ledger knows every epoch
 * that was begun, and there was none elsewhere above `epoch`.
 */
export const isGiveBackSure = async (
  db: LedgerDb,
  keyId: string,
  host: string,
  epoch: number,
): Promise<boolean> =>
  (await readDoubt(db)) === null && !(await hasBegunElsewhere(db, keyId, host, epoch));

/** What a move without an old owner intends, with what the ledger knows about its target. */
export async function grantIntent({ ledger }: FleetContext, move: MoveRow): Promise<GrantIntent> {
  const account = await findAccount(ledger.db, move.account);
  const ownedEpoch =
    account?.key_id === move.key_id && account.host === move.to_host ? account.epoch : null;
  const isUndisputed =
    ownedEpoch !== null && (await isGiveBackSure(ledger.db, move.key_id, move.to_host, ownedEpoch));
  return {
    account: move.account,
    keyId: move.key_id,
    moveId: move.id,
    epoch: move.epoch,
    toHost: move.to_host,
    ownedEpoch,
    isUndisputed,
  };
}

/**
 * Its target owns the account already and does not hold it: the move is over, and the account is
 * started there like any that its host owns, unless the
 * operator has stopped it. The claim stays as it is.
 */
export async function leaveWithOwner(
  context: FleetContext,
  run: Run,
  move: MoveRow,
): Promise<GrantOutcome> {
  const { account, to_host: host } = move;
  try {
    await endGiveBack(context, run, move);
    if ((await findAccount(context.ledger.db, account))?.wanted === 1)
      await startAccount(context, run, account);
    return { account, host, state: await stateOf(context, account), problem: null };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return { account, host, state: await stateOf(context, account), problem: error };
  }
}

const stateOf = async ({ ledger }: FleetContext, name: string): Promise<AccountState> =>
  (await findAccount(ledger.db, name))?.state ?? 'stored';

/**
 * A grant of this move that is still under way is refused: the host has taken a newer serial, and
 * loses the files that the grant needs. Errors: those of
 * the Remote, `claim-refused`, `authority-refused`.
 */
async function endGiveBack(context: FleetContext, run: Run, move: MoveRow): Promise<void> {
  const { key_id, epoch, to_host } = move;
  const { db } = context.ledger;
  const [wiped] = await new MoveHosts(context, run).ask(move, to_host, [
    { act: 'wipe', keyId: key_id, epoch },
  ]);
  if (wiped?.ok !== true && !isOvertaken(wiped?.claim, move))
    throw refusedBy(move, to_host, 'give up the files of', wiped);
  await raiseEpoch(db, key_id, epoch);
  await advanceMove(
    db,
    move,
    'aborted',
    context.now(),
    `${to_host} owns it already and holds it no longer`,
  );
}

/**
 * Another move was granted there at this epoch or above: the host refuses any grant of this one,
 * and has none of its files.
 */
const isOvertaken = (claim: Claim | null | undefined, { id, epoch }: MoveRow): boolean =>
  claim?.state === 'active' && claim.epoch >= epoch && claim.moveId !== id;
