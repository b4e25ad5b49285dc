import type { AccountState } from '../../model/account-state.ts';
import type { LedgerDb } from '../ledger.ts';
import { fixedQuery, hasChanged, preparedQuery } from '../prepared-query.ts';
import type { AccountRow, PlacementRow } from '../schema.ts';

/** An account with its placement, flat; `host` null when nobody owns it. */
export interface PlacedAccount extends AccountRow {
  readonly host: string | null;
  readonly epoch: number | null;
  readonly placed_since: number | null;
}

const placed = (db: LedgerDb) =>
  db
    .selectFrom('accounts')
    .leftJoin('placements', 'placements.account', 'accounts.name')
    .selectAll('accounts')
    .select([
      'placements.host as host',
      'placements.epoch as epoch',
      'placements.since as placed_since',
    ]);

/** Accounts that people call otherwise than by their name. */
export const listDisplayNames = fixedQuery<{ name: string; displayName: string | null }>((db) =>
  db
    .selectFrom('accounts')
    .select(['name', 'display_name as displayName'])
    .where('display_name', 'is not', null),
);

/** By name. */
export const listAccounts = fixedQuery<PlacedAccount>((db) => placed(db).orderBy('accounts.name'));

export const findAccount = async (db: LedgerDb, name: string): Promise<PlacedAccount | undefined> =>
  (await accountByName(db, { name })).rows[0];

// Compared by `=`, SQLite would plan the join anew for every value, which takes longer than all the
// rest.
const accountByName = preparedQuery<{ name: string }, PlacedAccount>((db, value) =>
  placed(db).where('accounts.name', 'in', [value('name')]),
);

export const findAccountByKey = (db: LedgerDb, keyId: string): Promise<PlacedAccount | undefined> =>
  placed(db).where('accounts.key_id', 'in', [keyId]).executeTakeFirst();

export const accountsOfUser = (db: LedgerDb, userId: string): Promise<PlacedAccount[]> =>
  placed(db).where('accounts.user_id', '=', userId).orderBy('accounts.name').execute();

/**
 * A new account in state `stored`. The key is unique over all names: a second import of it violates
 * a constraint.
 */
export async function insertAccount(
  db: LedgerDb,
  account: Omit<
    AccountRow,
    | 'state'
    | 'state_reason'
    | 'state_since'
    | 'wanted'
    | 'pinned_to'
    | 'paused'
    | 'script'
    | 'username'
    | 'display_name'
    | 'behaviour_hash'
  > &
    Partial<Pick<AccountRow, 'display_name'>>,
): Promise<void> {
  await db
    .insertInto('accounts')
    .values({
      ...account,
      state: 'stored',
      state_reason: '',
      state_since: account.imported_at,
      wanted: 1,
    })
    .execute();
}

/**
 * Changes state and reason; `state_since` moves only when the state really changed. Returns whether
 * it did.
 */
export async function setAccountState(
  db: LedgerDb,
  name: string,
  state: AccountState,
  reason: string,
  nowMs: number,
): Promise<boolean> {
  if (hasChanged(await changeState(db, { name, state, reason, nowMs }))) return true;
  await changeReason(db, { name, reason });
  return false;
}

const changeState = preparedQuery<{
  name: string;
  state: AccountState;
  reason: string;
  nowMs: number;
}>((db, value) =>
  db
    .updateTable('accounts')
    .set({ state: value('state'), state_reason: value('reason'), state_since: value('nowMs') })
    .where('name', '=', value('name'))
    .where('state', '!=', value('state')),
);

const changeReason = preparedQuery<{ name: string; reason: string }>((db, value) =>
  db
    .updateTable('accounts')
    .set({ state_reason: value('reason') })
    .where('name', '=', value('name')),
);

/** It came into the state that it is in later than was known. */
export async function setStateSince(
  db: LedgerDb,
  name: string,
  state: AccountState,
  sinceMs: number,
): Promise<void> {
  await db
    .updateTable('accounts')
    .set({ state_since: sinceMs })
    .where('name', '=', name)
    .where('state', '=', state)
    .execute();
}

export async function setWanted(db: LedgerDb, name: string, wanted: boolean): Promise<void> {
  await db
    .updateTable('accounts')
    .set({ wanted: wanted ? 1 : 0 })
    .where('name', '=', name)
    .execute();
}

/** null: no longer. */
export async function setPin(db: LedgerDb, name: string, host: string | null): Promise<void> {
  await db.updateTable('accounts').set({ pinned_to: host }).where('name', '=', name).execute();
}

/** What Telegram told about the account, once a worker has been online. */
export async function setUserId(db: LedgerDb, name: string, userId: string): Promise<void> {
  await db.updateTable('accounts').set({ user_id: userId }).where('name', '=', name).execute();
}

export async function setUsername(
  db: LedgerDb,
  name: string,
  username: string | null,
): Promise<void> {
  await db.updateTable('accounts').set({ username }).where('name', '=', name).execute();
}

export async function setPaused(db: LedgerDb, name: string, isPaused: boolean): Promise<void> {
  await db
    .updateTable('accounts')
    .set({ paused: isPaused ? 1 : 0 })
    .where('name', '=', name)
    .execute();
}

/** null: the inventory's. */
export async function setScript(db: LedgerDb, name: string, script: string | null): Promise<void> {
  await db.updateTable('accounts').set({ script }).where('name', '=', name).execute();
}

/** The behaviour that its host was given; null: it has to be given one. */
export async function setBehaviourHash(
  db: LedgerDb,
  name: string,
  hash: string | null,
): Promise<void> {
  await db.updateTable('accounts').set({ behaviour_hash: hash }).where('name', '=', name).execute();
}

/** Epochs and history stay. Refused by a foreign key while somebody owns the account. */
export async function deleteAccount(db: LedgerDb, name: string): Promise<void> {
  await db.deleteFrom('accounts').where('name', '=', name).execute();
}

export async function setPlacement(db: LedgerDb, placement: PlacementRow): Promise<void> {
  await db
    .insertInto('placements')
    .values(placement)
    .onConflict((c) => c.column('account').doUpdateSet(placement))
    .execute();
}

export async function deletePlacement(db: LedgerDb, account: string): Promise<void> {
  await db.deleteFrom('placements').where('account', '=', account).execute();
}

/** Highest epoch that this ledger has used or seen for the key; 0: none. */
export async function highestEpoch(db: LedgerDb, keyId: string): Promise<number> {
  return (await epochOf(db, { keyId })).rows[0]?.epoch ?? 0;
}

const epochOf = preparedQuery<{ keyId: string }, { epoch: number }>((db, value) =>
  db.selectFrom('epochs').select('epoch').where('key_id', '=', value('keyId')),
);

/**
 * Whether this ledger has ever begun to give the key to another host than `host` at an epoch above
 * `epoch`, or has heard of such an epoch.
 */
export async function hasBegunElsewhere(
  db: LedgerDb,
  keyId: string,
  host: string,
  epoch: number,
): Promise<boolean> {
  const later = db
    .selectFrom('moves')
    .select('to_host')
    .where('key_id', '=', keyId)
    .where('epoch', '>', epoch);
  const moves = await later.execute();
  if (moves.some(({ to_host }) => to_host !== host)) return true;
  return moves.length === 0 && (await highestEpoch(db, keyId)) > epoch;
}

/**
 * Remembers `epoch` when it is higher than what is known. Never forgets, not even when the account
 * is removed.
 */
export async function raiseEpoch(db: LedgerDb, keyId: string, epoch: number): Promise<void> {
  await db
    .insertInto('epochs')
    .values({ key_id: keyId, epoch })
    .onConflict((c) => c.column('key_id').doUpdateSet({ epoch }).where('epochs.epoch', '<', epoch))
    .execute();
}

/** Keys of accounts that ever ran, or were removed. */
export const listUsedKeys = async (db: LedgerDb): Promise<string[]> =>
  (await usedKeys(db)).map(({ key_id }) => key_id);

const usedKeys = fixedQuery<{ key_id: string }>((db) =>
  db.selectFrom('epochs').select('key_id').orderBy('key_id'),
);
