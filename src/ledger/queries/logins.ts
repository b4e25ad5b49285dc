import { FleetError } from '../../model/errors.ts';
import type { LedgerDb } from '../ledger.ts';
import type { LoginRow } from '../schema.ts';

export const findLogin = (db: LedgerDb, account: string): Promise<LoginRow | undefined> =>
  db.selectFrom('logins').selectAll().where('account', '=', account).executeTakeFirst();

/** Oldest first. */
export const listLogins = (db: LedgerDb): Promise<LoginRow[]> =>
  db.selectFrom('logins').selectAll().orderBy('started_at').execute();

/** Begins it, or goes on with the one that was begun, perhaps on another host or in another way. */
export async function insertLogin(db: LedgerDb, login: LoginRow): Promise<void> {
  const { host, way } = login;
  await db
    .insertInto('logins')
    .values(login)
    .onConflict((c) => c.column('account').doUpdateSet({ host, way }))
    .execute();
}

/**
 * The key that may be logged in from now on. Compare-and-swap on `before`, the one that the talk
 * has known: throws `plan-stale` where another talk has made
 * one, the session was taken, or the login was given up; `agent-reply` for a key that is or was
 * somebody's: a login makes a new one, so `host` has handed over another
 * account's session, which would then be used twice.
 */
export async function setLoginKey(
  db: LedgerDb,
  account: string,
  before: string | null,
  keyId: string,
  host: string,
): Promise<void> {
  if (await isAnybodys(db, account, keyId))
    throw new FleetError(
      'agent-reply',
      `${host}: the key that it made for the login of ${account} is not new: it is another ` +
        `session's`,
      {
        ...{ host, account },
        hint:
          `look at ${host} before anything else runs there; then give this login up (fleet ` +
          `accounts login ${account} --cancel) and log in on another host`,
      },
    );
  const changed = await db
    .updateTable('logins')
    .set({ key_id: keyId })
    .where('account', '=', account)
    .where('phase', '=', 'open')
    .where('key_id', 'is not distinct from', before)
    .executeTakeFirst();
  if (changed.numUpdatedRows !== 1n) throw changedLogin(account);
}

async function isAnybodys(db: LedgerDb, account: string, keyId: string): Promise<boolean> {
  const found = await Promise.all([
    db.selectFrom('accounts').select('name').where('key_id', '=', keyId).executeTakeFirst(),
    db.selectFrom('epochs').select('epoch').where('key_id', '=', keyId).executeTakeFirst(),
    db
      .selectFrom('logins')
      .select('account')
      .where('key_id', '=', keyId)
      .where('account', '!=', account)
      .executeTakeFirst(),
  ]);
  return found.some((row) => row !== undefined);
}

export const changedLogin = (account: string): FleetError =>
  new FleetError(
    'plan-stale',
    `${account}: another fleet command has changed its login meanwhile`,
    {
      account,
      hint:
        `look at it: fleet accounts show ${account}; then, if it still needs one: fleet ` +
        `accounts login ${account}`,
    },
  );

/**
 * The account has the login's key from now on. Compare-and-swap on the key that it had when the
 * login began: throws `plan-stale` where it is another one by
 * now. In one transaction with whatever else changes.
 */
export async function takeLoginKey(
  db: LedgerDb,
  { account, old_key_id, key_id }: LoginRow,
  about: {
    readonly userId: string;
    readonly username: string | null;
    readonly dataCentre: number;
    readonly isBot: boolean;
    readonly vaultHash: string;
  },
  nowMs: number,
): Promise<void> {
  const changes = {
    ...{
      key_id: key_id ?? '',
      user_id: about.userId,
      username: about.username,
      data_centre: about.dataCentre,
      is_bot: about.isBot ? 1 : 0,
    },
    ...{
      source_format: 'login',
      vault_hash: about.vaultHash,
      imported_at: nowMs,
      wanted: 1,
      behaviour_hash: null,
    },
    ...({ state: 'stored', state_reason: 'logged in', state_since: nowMs } as const),
  };
  const changed = await db
    .updateTable('accounts')
    .set(changes)
    .where('name', '=', account)
    .where('key_id', '=', old_key_id ?? '')
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(selectFrom('placements').select('host').where('placements.account', '=', account)),
      ),
    )
    .executeTakeFirst();
  if (changed.numUpdatedRows === 1n) return;
  throw new FleetError(
    'plan-stale',
    `${account}: another fleet command has changed the account since its login began`,
    {
      account,
      hint:
        `look at it: fleet accounts show ${account}; to give the new login up: fleet ` +
        `accounts login ${account} --cancel`,
    },
  );
}

/** The new session is the account's; what is left is to start it. */
export async function markLoginTaken(db: LedgerDb, account: string): Promise<void> {
  await db.updateTable('logins').set({ phase: 'taken' }).where('account', '=', account).execute();
}

export async function deleteLogin(db: LedgerDb, account: string): Promise<void> {
  await db.deleteFrom('logins').where('account', '=', account).execute();
}
