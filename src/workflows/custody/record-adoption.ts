import type { LedgerDb } from '../../ledger/ledger.ts';
import {
  deletePlacement,
  findAccount,
  insertAccount,
  raiseEpoch,
  setAccountState,
  setPaused,
  setPlacement,
  setScript,
  setWanted,
} from '../../ledger/queries/accounts.ts';
import { recordEvent } from '../../ledger/queries/events.ts';
import { trustMachine } from '../../ledger/queries/host-machine.ts';
import { forgetStatements, recordBootstrapped, rememberHosts } from '../../ledger/queries/hosts.ts';
import {
  correctMove,
  findMove,
  insertMove,
  listOpenMoves,
  setMoveEpoch,
} from '../../ledger/queries/moves.ts';
import { recordHistory } from '../../ledger/queries/records.ts';
import { clearStaleness } from '../../ledger/queries/staleness.ts';
import type { MoveRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import type { AdoptedAccount, FoundMove } from '../../ownership/adoption-plan.ts';
import { detached, mayBeGranted } from '../../ownership/phases.ts';
import type { FleetContext } from '../context.ts';
import { formatDecisionJson } from '../ownership/move-decision.ts';
import { historyOf } from '../ownership/record-grant.ts';
import type { Adoption, AskedHost, StoredSession } from './adoption.ts';

/**
 * How far above all epochs that are known accounts start that nobody owns: a host that was left out
 * may have used some that nobody here knows, and has to be closed
 * by its first contact if it comes back. Far below the jump that hosts refuse.
 */
const leftOutEpochs = 100;

/**
 * Writes what was adopted, all of it or nothing, where `isStillTrue` in the transaction itself:
 * another command may have changed the ledger while hosts were asked.
 * From then on the ledger may act again. Errors: `plan-stale`.
 */
export async function recordAdoption(
  context: FleetContext,
  adoption: Adoption,
  isStillTrue: (db: LedgerDb) => Promise<boolean>,
): Promise<void> {
  const nowMs = context.now();
  await context.ledger.db.transaction().execute(async (transaction) => {
    if (!(await isStillTrue(transaction)))
      throw new FleetError(
        'plan-stale',
        'another fleet command has changed the ledger since it was read',
        {
          hint: 'run fleet adopt again',
        },
      );
    if (adoption.isOld) await forgetStatements(transaction, nowMs);
    await noteMissing(transaction, adoption, nowMs);
    const risked: MoveRow[] = [];
    for (const { host, survey } of adoption.hosts)
      if (survey !== null && adoption.replaced.includes(host.name))
        risked.push(...(await noteReplaced(transaction, host.name, survey.instanceId, nowMs)));
    for (const asked of adoption.hosts) await noteHost(context, transaction, asked, nowMs);
    for (const account of adoption.plan.accounts.filter(({ isChanged }) => isChanged)) {
      await noteAccount(transaction, account, adoption.vault, nowMs);
    }
    for (const { account, isPaused, script } of adoption.conduct) {
      await setPaused(transaction, account, isPaused);
      await setScript(transaction, account, script);
    }
    for (const { keyId, epoch } of adoption.plan.accounts)
      if (epoch > 0) await raiseEpoch(transaction, keyId, epoch);
    if (adoption.without.length > 0)
      for (const { keyId, after, epoch } of adoption.plan.accounts)
        if (after === null) await raiseEpoch(transaction, keyId, epoch + leftOutEpochs);
    for (const { id, end } of adoption.plan.endedMoves) await endMove(transaction, id, end, nowMs);
    for (const move of adoption.plan.foundMoves) await noteMove(transaction, move, nowMs);
    for (const move of risked) await grantAbove(transaction, move, nowMs);
    await clearStaleness(transaction);
  });
}

/** From now on they count like any host that does not answer. */
async function noteMissing(
  db: LedgerDb,
  { missing, without }: Adoption,
  nowMs: number,
): Promise<void> {
  await rememberHosts(db, missing);
  for (const { name, knownBy } of missing)
    await recordEvent(db, { at: nowMs, kind: 'host-remembered', host: name, knownBy });
  for (const name of without)
    await recordEvent(db, { at: nowMs, kind: 'host-left-out', host: name });
}

async function noteHost(
  { inventory }: FleetContext,
  db: LedgerDb,
  { host, survey }: AskedHost,
  nowMs: number,
): Promise<void> {
  if (survey === null || survey.release === '') return;
  const holdAfterMs = survey.config?.holdAfterMs ?? inventory.hold.holdAfterMs;
  const told = survey.config?.host ?? host.name;
  const { release, instanceId } = survey;
  await recordBootstrapped(db, host.name, nowMs, {
    release,
    instanceId,
    holdAfterMs,
    ...(told === host.name ? {} : { toldName: told }),
  });
}

/** Its moves whose grant the former machine may have received. */
async function noteReplaced(
  db: LedgerDb,
  host: string,
  instanceId: string,
  nowMs: number,
): Promise<MoveRow[]> {
  const risked = (await listOpenMoves(db)).filter(
    (move) => move.to_host === host && mayBeGranted(move),
  );
  await trustMachine(db, host, instanceId);
  await recordEvent(db, { at: nowMs, kind: 'host-replaced', host });
  return risked;
}

/**
 * What another machine may have been granted is not granted again at the same epoch, whatever
 * became of the move.
 */
async function grantAbove(
  db: LedgerDb,
  { id, account, key_id, epoch }: MoveRow,
  nowMs: number,
): Promise<void> {
  await raiseEpoch(db, key_id, epoch);
  const move = await findMove(db, id);
  const isBefore =
    move !== undefined &&
    ['planned', 'staged', 'released'].includes(move.phase) &&
    move.epoch <= epoch;
  if (isBefore) await setMoveEpoch(db, { id, account }, epoch + 1, nowMs);
}

async function noteAccount(
  db: LedgerDb,
  adopted: AdoptedAccount,
  vault: readonly StoredSession[],
  nowMs: number,
): Promise<void> {
  const { account, keyId, after, epoch, moveId, isDetached, isStill, reason } = adopted;
  const stored = vault.find((candidate) => candidate.keyId === keyId);
  if (adopted.isNew && stored !== undefined) {
    await insertAccount(db, {
      ...{
        name: account,
        key_id: keyId,
        user_id: stored.session.userId?.toString() ?? null,
        data_centre: stored.session.dataCentre,
      },
      ...{
        is_bot: stored.session.isBot ? 1 : 0,
        source_format: stored.sourceFormat,
        vault_hash: stored.vaultHash,
      },
      imported_at: Date.parse(stored.importedAt),
    });
  }
  if (after === null) await deletePlacement(db, account);
  else await setPlacement(db, { account, host: after, epoch, move_id: moveId ?? '', since: nowMs });
  if (isStill) await setWanted(db, account, false);
  const isStopped = (await findAccount(db, account))?.wanted === 0;
  const note =
    after === null && !isDetached && isStopped
      ? `you have stopped it; fleet allocate ${account} starts it`
      : '';
  await setAccountState(
    db,
    account,
    isDetached ? 'detached' : after === null ? 'stored' : isStill ? 'stopped' : 'placed',
    note,
    nowMs,
  );
  await recordEvent(db, { at: nowMs, kind: 'account-adopted', host: after, account, reason });
}

async function endMove(
  db: LedgerDb,
  id: string,
  end: 'done' | 'overtaken',
  nowMs: number,
): Promise<void> {
  if (end === 'overtaken')
    return correctMove(db, id, 'aborted', 'overtaken: found by fleet adopt', nowMs);
  await correctMove(db, id, 'done', null, nowMs);
  const move = await findMove(db, id);
  if (move !== undefined && move.to_host !== detached)
    await recordHistory(db, historyOf(move, nowMs));
}

/**
 * As its first act would find it: staging and releasing are safe to repeat, and the host knows the
 * move by its id.
 */
async function noteMove(
  db: LedgerDb,
  { id, account, keyId, from, to, fromEpoch, epoch }: FoundMove,
  nowMs: number,
): Promise<void> {
  const isDetach = to === detached;
  if ((await findMove(db, id)) !== undefined) {
    await correctMove(db, id, 'planned', 'found by fleet adopt', nowMs);
    return isDetach ? undefined : setMoveEpoch(db, { id, account }, epoch, nowMs);
  }
  const decision_json = formatDecisionJson({
    ...{
      account,
      host: to,
      from,
      score: null,
      strategy: null,
      reason: `found on ${from} by fleet adopt`,
      fromEpoch,
    },
    ...{ idle: false, stateBefore: 'placed', reasonBefore: '', isBack: false, releasedTo: null },
  });
  await insertMove(db, {
    ...{ id, account, key_id: keyId, kind: 'manual', from_host: from, to_host: to },
    ...{ epoch: isDetach ? fromEpoch : epoch, decision_json, created_at: nowMs },
  });
  if (isDetach)
    await setAccountState(db, account, 'removing', `waiting for ${from} to give it up`, nowMs);
}
