import { randomUUID } from 'node:crypto';
import type { AwaitedAccount, HostAct } from '../../../hostside/protocol/host-acts.ts';
import { awaitedState } from '../../facts/account-state.ts';
import { highestEpoch, setAccountState } from '../../ledger/queries/accounts.ts';
import { changeAccountState, recordEvent } from '../../ledger/queries/events.ts';
import {
  advanceMove,
  changedMeanwhile,
  closeMove,
  findMove,
  insertMove,
} from '../../ledger/queries/moves.ts';
import type { MoveRow } from '../../ledger/schema.ts';
import type { AccountState } from '../../model/account-state.ts';
import { FleetError } from '../../model/errors.ts';
import { isHostsFault } from '../../ownership/old-owner.ts';
import type { FleetContext } from '../context.ts';
import { onlineTimeoutMs } from '../hosts/ask-as-authority.ts';
import { offlineError } from '../ownership/grant-errors.ts';
import { formatDecisionJson, type MoveDecision, readDecision } from '../ownership/move-decision.ts';
import { type MoveHosts, resultOf } from '../ownership/move-hosts.ts';

export interface FinishedMove {
  readonly move: MoveRow;
  readonly state: AccountState;
  readonly problem: FleetError | null;
  /** The move that takes the account back; null: it stays. */
  readonly back: MoveRow | null;
}

/**
 * After the grant: waits until the worker itself says that it is online, closes the move, and takes
 * the old host's files away. An account that cannot
 * come online there for a reason of the host is planned back, once. Errors: those of the Remote;
 * the move is then still `granted`.
 */
export async function finishMove(
  context: FleetContext,
  hosts: MoveHosts,
  move: MoveRow,
): Promise<FinishedMove> {
  const decision = readDecision(move);
  if (decision.idle)
    return close(context, hosts, move, {
      state: decision.stateBefore,
      reason: decision.reasonBefore,
    });
  const awaited = await awaitOnline(context, hosts, move);
  const state = awaitedState(awaited);
  const goesBack =
    state !== 'online' &&
    decision.stateBefore === 'online' &&
    !decision.isBack &&
    isHostsFault(awaited.state);
  if (goesBack) return planBack(context, move, decision, { state, reason: awaited.reason });
  return close(context, hosts, move, { state, reason: awaited.reason });
}

async function awaitOnline(
  context: FleetContext,
  hosts: MoveHosts,
  move: MoveRow,
): Promise<AwaitedAccount> {
  const act: HostAct = { act: 'await', keyIds: [move.key_id], timeoutMs: onlineTimeoutMs };
  const [reply] = await hosts.ask(move, move.to_host, [act], (state, reason) =>
    context.report({ kind: 'account', account: move.account, host: move.to_host, state, reason }),
  );
  const { accounts } = resultOf(move, move.to_host, 'wait for', reply, 'awaited');
  return (
    accounts[0] ?? {
      keyId: move.key_id,
      settled: false,
      state: 'offline',
      reason: 'the host did not say',
    }
  );
}

interface Ended {
  readonly state: AccountState;
  readonly reason: string;
}

/**
 * The journal says `done` only after the old host was told to clear: a run that is killed in
 * between leaves the move to the next one.
 */
async function close(
  context: FleetContext,
  hosts: MoveHosts,
  move: MoveRow,
  { state, reason }: Ended,
): Promise<FinishedMove> {
  const isWell = state === 'online' || readDecision(move).idle;
  await noteState(context, move, { state, reason });
  if (isWell) await wipeOldOwner(context, hosts, move);
  const done = await advanceMove(
    context.ledger.db,
    move,
    'done',
    context.now(),
    isWell ? null : reason,
  );
  return {
    move: done,
    state,
    problem: isWell ? null : offlineError(move, state, reason),
    back: null,
  };
}

/**
 * An account that was moved without a start is in the ledger what it was before: only the host is
 * another. Nothing is noted when another run has closed
 * the move meanwhile: the account may have left the fleet since.
 */
async function noteState(
  { ledger, now }: FleetContext,
  { id, account, to_host }: MoveRow,
  { state, reason }: Ended,
): Promise<void> {
  await ledger.db.transaction().execute(async (transaction) => {
    if ((await findMove(transaction, id))?.phase !== 'granted') return;
    await changeAccountState(transaction, { account, host: to_host, state, reason }, now());
  });
}

/**
 * Against the receipt, and only once the account is online elsewhere. A host that does not answer
 * now is cleared by a later survey.
 */
async function wipeOldOwner(context: FleetContext, hosts: MoveHosts, move: MoveRow): Promise<void> {
  if (move.from_host === null || move.from_host === move.to_host) return;
  const act: HostAct = { act: 'wipe', keyId: move.key_id, epoch: readDecision(move).fromEpoch };
  const problem = await hosts.ask(move, move.from_host, [act]).then(
    ([reply]) => (reply?.ok === true ? null : (reply?.message ?? 'no answer')),
    (error: unknown) => {
      if (error instanceof FleetError) return error.message;
      throw error;
    },
  );
  if (problem === null) return;
  await recordEvent(context.ledger.db, {
    ...{ at: context.now(), kind: 'files-left', host: move.from_host, account: move.account },
    ...{ epoch: readDecision(move).fromEpoch, problem },
  });
}

/** The new owner keeps the account until its own receipt: the way back is a move like any other. */
async function planBack(
  context: FleetContext,
  move: MoveRow,
  decision: MoveDecision,
  ended: Ended,
): Promise<FinishedMove> {
  const { db } = context.ledger;
  const id = randomUUID();
  const host = move.from_host ?? '';
  const reason =
    `came back: ${move.to_host} did not bring it online ` +
    `(${ended.state}${ended.reason === '' ? '' : `: ${ended.reason}`})`;
  const done = await db.transaction().execute(async (transaction) => {
    const nowMs = context.now();
    if (!(await closeMove(transaction, move, ended.reason, nowMs))) throw changedMeanwhile(move);
    await setAccountState(transaction, move.account, ended.state, ended.reason, nowMs);
    const back: MoveDecision = {
      ...decision,
      host,
      reason,
      fromEpoch: move.epoch,
      isBack: true,
      releasedTo: null,
      score: null,
    };
    await insertMove(transaction, {
      ...{
        id,
        account: move.account,
        key_id: move.key_id,
        kind: move.kind,
        from_host: move.to_host,
        to_host: host,
      },
      epoch: (await highestEpoch(transaction, move.key_id)) + 1,
      decision_json: formatDecisionJson(back),
      created_at: nowMs,
    });
    return { ...move, phase: 'done', problem: ended.reason, updated_at: nowMs } as const;
  });
  const row = await findMove(db, id);
  if (row === undefined)
    throw new FleetError('bug', `move ${id} vanished from the ledger`, {
      hint: 'please report this',
    });
  return {
    move: done,
    state: ended.state,
    problem: offlineError(move, ended.state, ended.reason),
    back: row,
  };
}
