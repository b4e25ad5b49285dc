/** What makes the session of a login the account's. */
import { randomUUID } from 'node:crypto';
import type { LoginEnd, LoginKey } from '../../../hostside/protocol/login.ts';
import type { LedgerDb } from '../../ledger/ledger.ts';
import {
  findAccount,
  highestEpoch,
  insertAccount,
  raiseEpoch,
} from '../../ledger/queries/accounts.ts';
import { recordEvent } from '../../ledger/queries/events.ts';
import {
  changedLogin,
  findLogin,
  markLoginTaken,
  takeLoginKey,
} from '../../ledger/queries/logins.ts';
import { insertMove } from '../../ledger/queries/moves.ts';
import type { LoginRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import type { AccountName } from '../../model/names.ts';
import type { Session, SessionDevice } from '../../model/session.ts';
import { keyIdOf } from '../../sessions/auth-key.ts';
import type { VaultMeta } from '../../vault/vault-record.ts';
import type { FleetContext } from '../context.ts';
import type { LoginPlan } from './plan-login.ts';

/** When an event of a login took place, and whom it is about. */
export const subjectOf = (
  { now }: FleetContext,
  { account, host }: Pick<LoginPlan, 'account' | 'host'>,
) => ({ at: now(), account, host: host.name });

/**
 * Application and device of the session before, so that an account stays the device that it was.
 */
export async function deviceOf(
  context: FleetContext,
  account: AccountName,
): Promise<SessionDevice> {
  for (const vault of [context.logins, context.vault]) {
    if (!(await vault.list()).includes(account)) continue;
    const { session, device } = await vault.get(account);
    session.authKey.fill(0);
    return device ?? {};
  }
  return {};
}

export const sessionOf = (
  { dataCentre, authKey }: LoginKey,
  user: { readonly userId: string; readonly isBot: boolean } | null = null,
): Session => {
  const bytes = Uint8Array.from(Buffer.from(authKey, 'base64'));
  const about = { userId: user === null ? null : BigInt(user.userId), isBot: user?.isBot ?? false };
  return { dataCentre, authKey: bytes, ...about, testMode: false, keyId: keyIdOf(bytes) };
};

export const metaOf = (context: FleetContext, device: SessionDevice): VaultMeta => ({
  ...{
    importedAt: new Date(context.now()).toISOString(),
    sourceFormat: 'login',
    apiId: device.apiId ?? null,
    device,
  },
});

/**
 * Vault, state, ledger, in this order: each may be repeated, and the last makes the session the
 * account's. Errors: `plan-stale`, `vault`.
 */
export async function takeLogin(
  context: FleetContext,
  plan: LoginPlan,
  { old_key_id }: LoginRow,
  end: Extract<LoginEnd, { readonly end: 'done' }>,
): Promise<LoginRow> {
  const { account } = plan;
  const session = sessionOf(end.key, end);
  await requireOpen(context.ledger.db, account, session.keyId);
  const meta = metaOf(context, await deviceOf(context, account));
  const { vaultHash } = await context.vault.put(account, session, meta, { replace: true });
  session.authKey.fill(0);
  await carryState(context, account, old_key_id, session.keyId);
  try {
    return await recordTaken(context, plan, session, { ...end, vaultHash });
  } catch (error) {
    await carryState(context, account, session.keyId, old_key_id);
    throw error;
  }
}

async function recordTaken(
  context: FleetContext,
  { account, host, way }: LoginPlan,
  { keyId, dataCentre }: Session,
  {
    userId,
    username,
    isBot,
    vaultHash,
  }: Extract<LoginEnd, { readonly end: 'done' }> & { readonly vaultHash: string },
): Promise<LoginRow> {
  const nowMs = context.now();
  return context.ledger.db.transaction().execute(async (transaction) => {
    const login = await requireOpen(transaction, account, keyId);
    const old = login.old_key_id;
    const about = { userId, username, isBot, dataCentre, vaultHash };
    if (old === null) await addAccount(transaction, account, keyId, about, nowMs);
    else {
      await takeLoginKey(transaction, login, about, nowMs);
      // Files of the old key that show up later are wiped.
      await raiseEpoch(transaction, old, await highestEpoch(transaction, old));
    }
    await insertFirstMove(transaction, login, nowMs);
    await markLoginTaken(transaction, account);
    await recordEvent(transaction, {
      ...subjectOf(context, { account, host }),
      ...{ kind: 'account-logged-in', way, userId, keyId, oldKeyId: old },
    });
    return { ...login, phase: 'taken' as const };
  });
}

/** The login as it was when its key was kept. Errors: `plan-stale`. */
export async function requireOpen(
  db: LedgerDb,
  account: AccountName,
  keyId: string | null,
): Promise<LoginRow> {
  const login = await findLogin(db, account);
  if (login?.phase === 'open' && login.key_id === keyId) return login;
  throw changedLogin(account);
}

async function addAccount(
  transaction: LedgerDb,
  name: AccountName,
  keyId: string,
  {
    userId,
    dataCentre,
    isBot,
    vaultHash,
  }: { userId: string; dataCentre: number; isBot: boolean; vaultHash: string },
  nowMs: number,
): Promise<void> {
  if ((await findAccount(transaction, name)) !== undefined) {
    throw new FleetError('plan-stale', `${name} was imported since its login began`, {
      account: name,
      hint: `give the login up: fleet accounts login ${name} --cancel`,
    });
  }
  await insertAccount(transaction, {
    ...{
      name,
      key_id: keyId,
      user_id: userId,
      data_centre: dataCentre,
      is_bot: isBot ? 1 : 0,
      source_format: 'login',
    },
    ...{ vault_hash: vaultHash, imported_at: nowMs },
  });
}

/**
 * The account goes on where it stood: what it remembered under one key is what the other starts
 * with; null: there is no such key.
 */
export async function carryState(
  context: FleetContext,
  account: AccountName,
  from: string | null,
  to: string | null,
): Promise<void> {
  if (from === null || to === null) return;
  const state = await context.states.get(account);
  if (state?.keyId === from) await context.states.put({ ...state, keyId: to });
}

/** The first placement, to the host of the login: the address from the first moment on. */
export async function insertFirstMove(
  transaction: LedgerDb,
  { account, key_id, host }: LoginRow,
  nowMs: number,
): Promise<void> {
  const decision = { account, host, score: null, strategy: null, reason: 'it was logged in there' };
  const epoch = (await highestEpoch(transaction, key_id ?? '')) + 1;
  await insertMove(transaction, {
    ...{
      id: randomUUID(),
      account,
      key_id: key_id ?? '',
      kind: 'initial',
      from_host: null,
      to_host: host,
      epoch,
    },
    ...{ decision_json: JSON.stringify(decision), created_at: nowMs },
  });
}
