import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import {
  deleteAccount,
  deletePlacement,
  findAccount,
  type PlacedAccount,
  raiseEpoch,
  setAccountState,
} from '../../ledger/queries/accounts.ts';
import { recordEvent } from '../../ledger/queries/events.ts';
import { listHosts } from '../../ledger/queries/hosts.ts';
import { deleteLogin, findLogin } from '../../ledger/queries/logins.ts';
import {
  advanceMove,
  changedMeanwhile,
  closeMove,
  findMove,
  insertMove,
  listOpenMoves,
} from '../../ledger/queries/moves.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import type { MoveRow } from '../../ledger/schema.ts';
import type { AccountState } from '../../model/account-state.ts';
import { FleetError, isUnreachable } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import type { AccountName } from '../../model/names.ts';
import type { WrittenFormat } from '../../model/session.ts';
import { detached } from '../../ownership/phases.ts';
import { requireUserId } from '../../sessions/format-session.ts';
import { exportSession } from '../../vault/export-session.ts';
import { readStoredSession } from '../../vault/stored-session.ts';
import type { FleetContext } from '../context.ts';
import { endingCommandOf } from '../hosts/ending-command.ts';
import { actOnOwner, findOwned, requireAccount } from '../ownership/account-acts.ts';
import { ReleaseRefused, takeState } from '../ownership/carry-state.ts';
import { MoveHosts, refusedBy } from '../ownership/move-hosts.ts';

/** What becomes of an account that its host has given up. */
export interface DetachEnd {
  readonly state: AccountState;
  readonly reason: string;
  /** What it remembers is kept beside the vault, because it goes on elsewhere. */
  readonly keepsState: boolean;
}

const outOfTheFleet: DetachEnd = {
  state: 'detached',
  reason: 'given up by its host',
  keepsState: false,
};

/**
 * Makes the owner give the account up: stopped, proven, recorded on the host, its files wiped, the
 * placement gone. The journal survives a kill anywhere;
 * calling it again goes on. An account without an owner is left as it is. A host that does not
 * answer keeps the account `removing`.
 */
export async function detach(
  context: FleetContext,
  run: Run,
  account: PlacedAccount,
  end: DetachEnd = outOfTheFleet,
): Promise<void> {
  const { db } = context.ledger;
  const open = (await listOpenMoves(db)).find((move) => move.account === account.name);
  if (open !== undefined && open.to_host !== detached) {
    throw new FleetError(
      'in-doubt',
      `${account.name} is on its way to ${open.to_host} (${open.phase})`,
      {
        account: account.name,
        hint: `let the move end first: ${endingCommandOf(open)}`,
      },
    );
  }
  if (account.host === null) {
    // An adoption found that nobody owns it: what was to be given up is.
    if (open !== undefined)
      await advanceMove(
        db,
        open,
        open.phase === 'planned' ? 'aborted' : 'done',
        context.now(),
        'no host owns it',
      );
    return;
  }
  const { host } = await findOwned(context, account.name);
  const move = open ?? (await journal(context, account, host.name));
  let current = move;
  const isGone = await isDestroyed(context, host);
  if (current.phase === 'planned' && !isGone) {
    if (end.keepsState) await takeFinalState(context, run, move);
    else {
      await actOnOwner(context, run, host, account.name, [
        {
          act: 'release',
          keyId: account.key_id,
          moveId: move.id,
          epoch: move.epoch,
          successor: detached,
        },
      ]);
    }
  }
  if (current.phase === 'planned')
    current = await advanceMove(db, current, 'released', context.now());
  const wipe = { act: 'wipe', keyId: account.key_id, epoch: move.epoch } as const;
  if (!isGone) await actOnOwner(context, run, host, account.name, [wipe]);
  await db.transaction().execute(async (transaction) => {
    // First: where another run has ended it, the account may be back by now.
    if (!(await closeMove(transaction, current, null, context.now())))
      throw changedMeanwhile(current);
    await deletePlacement(transaction, account.name);
    await setAccountState(transaction, account.name, end.state, end.reason, context.now());
    await recordEvent(transaction, {
      at: context.now(),
      kind: 'account-detached',
      host: host.name,
      account: account.name,
      epoch: move.epoch,
    });
  });
}

/**
 * It was declared destroyed, and does not answer: there is nobody to give anything up. Should that
 * machine boot all the same, its first contact closes what it has.
 */
async function isDestroyed({ ledger, remoteFor }: FleetContext, host: HostSpec): Promise<boolean> {
  const rows = await listHosts(ledger.db);
  if (!rows.some((row) => row.name === host.name && row.destroyed_at !== null)) return false;
  return remoteFor(host)
    .connect()
    .then(
      () => false,
      (error: unknown) => error instanceof FleetError && isUnreachable(error),
    );
}

/** The same release, with what the account remembers. */
async function takeFinalState(context: FleetContext, run: Run, move: MoveRow): Promise<void> {
  try {
    await takeState(context, new MoveHosts(context, run), move, {
      fromEpoch: move.epoch,
      releasedTo: detached,
    });
  } catch (error) {
    if (error instanceof ReleaseRefused)
      throw refusedBy(move, move.from_host ?? '', 'release', error.reply);
    throw error;
  }
}

async function journal(
  context: FleetContext,
  account: PlacedAccount,
  host: string,
): Promise<MoveRow> {
  const { db } = context.ledger;
  const id = randomUUID();
  await db.transaction().execute(async (transaction) => {
    const decision_json = JSON.stringify({
      account: account.name,
      host: detached,
      score: null,
      strategy: null,
      reason: 'the operator takes it out of the fleet',
    });
    const epoch = account.epoch ?? 0;
    const move = {
      id,
      account: account.name,
      key_id: account.key_id,
      kind: 'manual',
      from_host: host,
      to_host: detached,
      epoch,
    } as const;
    await insertMove(transaction, { ...move, decision_json, created_at: context.now() });
    await setAccountState(
      transaction,
      account.name,
      'removing',
      `waiting for ${host} to give it up`,
      context.now(),
    );
  });
  const row = await findMove(db, id);
  if (row === undefined)
    throw new FleetError('bug', `move ${id} vanished from the ledger`, {
      hint: 'please report this',
    });
  return row;
}

/**
 * Somebody may have brought it back since: then the account was not given up. Errors: `plan-stale`.
 */
async function requireGivenUp({ ledger }: FleetContext, before: PlacedAccount): Promise<void> {
  const now = await findAccount(ledger.db, before.name);
  const state = before.host === null ? before.state : 'detached';
  if (now?.key_id !== before.key_id || now.host !== null || now.state !== state)
    throw changedMeanwhile({ account: before.name });
}

/**
 * Its new key may be logged in already: taken out of the fleet it would stay a device of the
 * account at Telegram. Errors: `in-doubt`.
 */
async function refuseOpenLogin(context: FleetContext, name: string): Promise<void> {
  const login = await findLogin(context.ledger.db, name);
  if (login === undefined || login.phase === 'taken') return;
  throw new FleetError('in-doubt', `a login of ${name} was begun and is not done`, {
    account: name,
    hint: `give it up first: fleet accounts login ${name} --cancel`,
  });
}

/**
 * Takes the account out of the fleet. The session's encrypted copy stays in the vault's `removed`
 * folder. Returns its path.
 */
export async function removeAccount(
  context: FleetContext,
  run: Run,
  name: string,
): Promise<string | null> {
  const account = await requireAccount(context, name);
  await refuseOpenLogin(context, name);
  await detach(context, run, account);
  await requireGivenUp(context, account);
  const stored = await context.vault.list();
  const kept = stored.includes(name as AccountName)
    ? await context.vault.remove(name as AccountName)
    : null;
  await context.ledger.db.transaction().execute(async (transaction) => {
    await deleteLogin(transaction, name);
    await deleteAccount(transaction, name);
    // Also of one that never ran: files of it that show up later are wiped.
    await raiseEpoch(transaction, account.key_id, account.epoch ?? 0);
    await recordEvent(transaction, {
      at: context.now(),
      kind: 'account-removed',
      host: account.host,
      account: name,
    });
  });
  return kept;
}

/**
 * Gives the session back in `format` as a new file. The account is released first and stays
 * `detached`, not startable, until the same session is imported
 * again: it would be destroyed if both sides used it (docs/exclusivity.md, row 16).
 */
export async function exportAccount(
  context: FleetContext,
  run: Run,
  name: string,
  format: WrittenFormat,
  path: string,
): Promise<void> {
  const account = await requireAccount(context, name);
  await refuseExport(context, account, format, path);
  await detach(context, run, account);
  await requireGivenUp(context, account);
  const { session, apiId } = await readStoredSession(
    context.vault,
    name as AccountName,
    account.key_id,
  );
  const { db } = context.ledger;
  // Before the file is there: from then on somebody else may run the account.
  await setAccountState(db, name, 'detached', `being exported to ${path}`, context.now());
  try {
    await exportSession(path, session, format, apiId);
    await noteExported(context, account, format, path).catch(async (error: unknown) => {
      await rm(path, { force: true });
      throw error;
    });
  } catch (error) {
    // Nothing has left: it is what it was. Where that cannot be recorded either, it stays out of
    // use.
    const [state, reason] =
      account.host === null
        ? [account.state, account.state_reason]
        : (['detached', outOfTheFleet.reason] as const);
    await setAccountState(db, name, state, reason, context.now()).catch(() => undefined);
    throw error;
  } finally {
    session.authKey.fill(0);
  }
}

async function noteExported(
  { ledger, now }: FleetContext,
  { name, host }: PlacedAccount,
  format: WrittenFormat,
  path: string,
): Promise<void> {
  await ledger.db.transaction().execute(async (transaction) => {
    const reason = `exported ${format} to ${path}`;
    await setAccountState(transaction, name, 'detached', reason, now());
    await recordEvent(transaction, {
      at: now(),
      kind: 'account-exported',
      host,
      account: name,
      format,
      path,
    });
  });
}

/** Everything that could fail afterwards is tried before the account is stopped for it. */
async function refuseExport(
  context: FleetContext,
  { name, key_id }: PlacedAccount,
  format: WrittenFormat,
  path: string,
): Promise<void> {
  if (existsSync(path))
    throw new FleetError('usage', `${path} exists already`, {
      account: name,
      hint: 'name another file with --output',
    });
  const { session } = await readStoredSession(context.vault, name as AccountName, key_id);
  session.authKey.fill(0);
  if (format.startsWith('pyrogram')) requireUserId(session, format);
}
