import { randomUUID } from 'node:crypto';
import type { LoginEnd, LoginKey, LoginRequest } from '../../agent/protocol/login.ts';
import { accountSpecFor } from '../inventory/account-spec.ts';
import { findAccount, highestEpoch, insertAccount, raiseEpoch } from '../ledger/accounts.ts';
import type { LedgerDb } from '../ledger/ledger.ts';
import { deleteLogin, findLogin, insertLogin, markLoginTaken, setLoginKey, takeLoginKey } from '../ledger/logins.ts';
import { insertMove, listOpenMoves } from '../ledger/moves.ts';
import { recordEvent } from '../ledger/records.ts';
import type { Run } from '../ledger/runs.ts';
import type { LoginRow } from '../ledger/schema.ts';
import { FleetError, type FleetErrorCode } from '../model/errors.ts';
import type { AccountName } from '../model/names.ts';
import type { Session, SessionDevice } from '../model/session.ts';
import { judgeEvidence } from '../moves/evidence.ts';
import { keyIdOf } from '../sessions/auth-key.ts';
import { canonicalAddress } from '../sessions/data-centres.ts';
import type { VaultMeta } from '../vault/vault-record.ts';
import type { FleetContext } from './context.ts';
import { detach } from './detach-account.ts';
import { type GrantOutcome, grantAccounts } from './grant-accounts.ts';
import { type LoginPrompts, talkLogin } from './login-talk.ts';
import type { LoginPlan } from './plan-login.ts';
import { surveyHosts } from './survey-hosts.ts';
import { workerConfig } from './worker-material.ts';

/** Where a key of a new account is made first; Telegram sends it elsewhere where that is wrong. */
const firstDataCentre = 2;

/**
 * A new session for the account, in five acts that may each be the last: the old key is closed on its host and on every other; the login is made on the host,
 * its key kept in the vault before Telegram is told whose it is; the session takes the place of the old one in the vault; the ledger changes the account's key;
 * an ordinary first placement starts it. Called again with a fresh plan it goes on from wherever it was. Errors: those of each act.
 */
export async function executeLogin(context: FleetContext, run: Run, plan: LoginPlan, prompts: LoginPrompts): Promise<GrantOutcome> {
  const row = await begin(context, plan);
  if (row.phase === 'taken') return place(context, run, row);
  await closeOldKey(context, run, row);
  const end = await talk(context, plan, row, prompts);
  if (end.end === 'failed') throw failure(plan, end);
  if (end.end === 'out')
    throw new FleetError('bug', `the login of ${plan.account} ended without a session`, { hint: 'please report this' });
  await passLinger(context, end.lingerMs);
  return place(context, run, await take(context, plan, end));
}

/** Gives a login up: a key that is logged in is logged out. What the account was stays. Errors: `usage` where none was begun; those of the talk. */
export async function cancelLogin(context: FleetContext, plan: LoginPlan): Promise<void> {
  const { db } = context.ledger;
  if (plan.begun === null || plan.begun.phase === 'taken') {
    throw new FleetError('usage', `no login of ${plan.account} is open`, { account: plan.account, hint: 'there is nothing to give up' });
  }
  if (plan.begun.key_id !== null) {
    const nobody = (): never => {
      throw new FleetError('bug', 'a login that is given up asks nothing', { hint: 'please report this' });
    };
    const end = await talk(context, plan, plan.begun, { text: nobody, code: nobody, show: nobody }, 'cancel');
    if (end.end === 'failed') throw failure(plan, end);
  }
  await db.transaction().execute(async (transaction) => {
    await deleteLogin(transaction, plan.account);
    await recordEvent(transaction, eventOf(context, plan, 'login-cancelled', 'its key is logged out'));
  });
  await forgetKey(context, plan.account);
}

const eventOf = (context: FleetContext, { account, host }: Pick<LoginPlan, 'account' | 'host'>, kind: string, text: string) => ({
  ...{ at: context.now(), kind, host: host.name, account, text },
});

async function begin(context: FleetContext, plan: LoginPlan): Promise<LoginRow> {
  const { db } = context.ledger;
  return db.transaction().execute(async (transaction) => {
    const account = (await findAccount(transaction, plan.account)) ?? null;
    const row: LoginRow = {
      ...{ account: plan.account, host: plan.host.name, way: plan.way, old_key_id: account?.key_id ?? null, key_id: null },
      ...{ phase: 'open', started_at: context.now() },
    };
    const before = await findLogin(transaction, plan.account);
    if (before === undefined) await recordEvent(transaction, eventOf(context, plan, 'login-begun', `by ${plan.way}`));
    if (before?.phase !== 'taken') await insertLogin(transaction, row);
    return (await findLogin(transaction, plan.account)) ?? row;
  });
}

/** Given up by its host, with its last state; and no other host shows a claim on it, or is silent. */
async function closeOldKey(context: FleetContext, run: Run, { account: name, old_key_id }: LoginRow): Promise<void> {
  const account = await findAccount(context.ledger.db, name);
  if (account === undefined || old_key_id === null || account.key_id !== old_key_id) return;
  await detach(context, run, account, {
    state: 'needs-login',
    reason: 'its old session was given up; its login is open',
    keepsState: true,
  });
  const epoch = (await highestEpoch(context.ledger.db, old_key_id)) + 1;
  const intent = { keyId: old_key_id, moveId: 'login', epoch, toHost: '', ownedEpoch: null };
  const { evidence, problems } = await surveyHosts(context, run);
  const verdict = judgeEvidence(intent, evidence);
  if (verdict.kind === 'clear' || verdict.kind === 'raise') return;
  const isSilent = verdict.kind === 'incomplete';
  const hosts = isSilent ? verdict.hosts : 'host' in verdict ? [verdict.host] : [];
  throw new FleetError(
    isSilent ? 'survey-incomplete' : 'claim-refused',
    `${name} is not logged in: ${hosts.join(', ')} ${isSilent ? 'did not answer and' : ''} might be running its old session`,
    {
      account: name,
      hint: isSilent
        ? `bring the host back and run this again; if it will never boot again: fleet failover ${hosts[0] ?? 'HOST'} --destroyed`
        : 'fleet adopt closes claims that nobody should have; then run this again',
      problems: hosts.map((host) => `${host}: ${problems.get(host)?.message ?? 'it has a claim on it'}`),
    },
  );
}

async function talk(
  context: FleetContext,
  plan: LoginPlan,
  row: LoginRow,
  prompts: LoginPrompts,
  act: LoginRequest['act'] = plan.way,
): Promise<LoginEnd> {
  const { account, host, known } = plan;
  const device = await deviceOf(context, account);
  const { apiId, apiHash, deviceModel, systemVersion, appVersion, langCode } = await workerConfig(
    context,
    accountSpecFor(context.inventory, account),
    device,
  );
  const request: LoginRequest = {
    ...{ format: 1, account, act, apiId, apiHash, deviceModel, systemVersion, appVersion, langCode },
    addresses: [1, 2, 3, 4, 5].map(canonicalAddress),
    dataCentre: known?.data_centre ?? firstDataCentre,
    key: row.key_id === null ? null : await keptKey(context, account, row.key_id),
    expectedUserId: known?.user_id ?? null,
  };
  const keep = async (key: LoginKey): Promise<void> => {
    const session = sessionOf(key);
    const kept = { apiId, apiHash, deviceModel, systemVersion, appVersion, langCode };
    await context.logins.put(account, session, metaOf(context, kept), { replace: true });
    await setLoginKey(context.ledger.db, account, session.keyId);
    session.authKey.fill(0);
  };
  return talkLogin(context, host, request, { prompts, keep });
}

/** Application and device of the session before, so that an account stays the device that it was. */
async function deviceOf(context: FleetContext, account: AccountName): Promise<SessionDevice> {
  for (const vault of [context.logins, context.vault]) {
    if (!(await vault.list()).includes(account)) continue;
    const { session, device } = await vault.get(account);
    session.authKey.fill(0);
    return device ?? {};
  }
  return {};
}

/** null: it never came to be in the vault, so Telegram was never told whose it is. */
async function keptKey(context: FleetContext, account: AccountName, keyId: string): Promise<LoginKey | null> {
  if (!(await context.logins.list()).includes(account)) return null;
  const { session } = await context.logins.get(account);
  const key = { dataCentre: session.dataCentre, authKey: Buffer.from(session.authKey).toString('base64') };
  session.authKey.fill(0);
  return session.keyId === keyId ? key : null;
}

const sessionOf = (
  { dataCentre, authKey }: LoginKey,
  user: { readonly userId: string; readonly isBot: boolean } | null = null,
): Session => {
  const bytes = Uint8Array.from(Buffer.from(authKey, 'base64'));
  const about = { userId: user === null ? null : BigInt(user.userId), isBot: user?.isBot ?? false };
  return { dataCentre, authKey: bytes, ...about, testMode: false, keyId: keyIdOf(bytes) };
};

const metaOf = (context: FleetContext, device: SessionDevice): VaultMeta => ({
  ...{ importedAt: new Date(context.now()).toISOString(), sourceFormat: 'login', apiId: device.apiId ?? null, device },
});

/** Telegram may still count the connection of the login; the worker's would be a second one. */
async function passLinger(context: FleetContext, lingerMs: number): Promise<void> {
  if (lingerMs === 0) return;
  context.report({ kind: 'phase', text: `waiting ${Math.ceil(lingerMs / 1000)} s until Telegram counts the login's connection no more` });
  await context.pause(lingerMs);
}

/** Vault, state, ledger, in this order: each may be repeated, and the last makes the session the account's. */
async function take(context: FleetContext, plan: LoginPlan, end: Extract<LoginEnd, { readonly end: 'done' }>): Promise<LoginRow> {
  const { account, host, way } = plan;
  const session = sessionOf(end.key, end);
  const meta = metaOf(context, await deviceOf(context, account));
  const { vaultHash } = await context.vault.put(account, session, meta, { replace: true });
  session.authKey.fill(0);
  await carryState(context, account, session.keyId);
  const nowMs = context.now();
  const row = await context.ledger.db.transaction().execute(async (transaction) => {
    const login = await findLogin(transaction, account);
    if (login === undefined)
      throw new FleetError('plan-stale', `the login of ${account} was given up meanwhile`, { account, hint: 'begin anew' });
    const taken = { ...login, key_id: session.keyId };
    await setLoginKey(transaction, account, session.keyId);
    const { userId, username, isBot } = end;
    const about = { userId, username, isBot, dataCentre: session.dataCentre, vaultHash };
    if (login.old_key_id === null) await addAccount(transaction, account, session.keyId, about, nowMs);
    else {
      await takeLoginKey(transaction, taken, about, nowMs);
      // Files of the old key that show up later are wiped.
      await raiseEpoch(transaction, login.old_key_id, await highestEpoch(transaction, login.old_key_id));
    }
    await insertFirstMove(transaction, taken, nowMs);
    await markLoginTaken(transaction, account);
    const text = `by ${way}, user ${userId}, key ${session.keyId.slice(0, 8)}${login.old_key_id === null ? '' : ` in place of ${login.old_key_id.slice(0, 8)}`}`;
    await recordEvent(transaction, eventOf(context, { account, host }, 'account-logged-in', text));
    return { ...taken, phase: 'taken' as const };
  });
  return row;
}

async function addAccount(
  transaction: LedgerDb,
  name: AccountName,
  keyId: string,
  { userId, dataCentre, isBot, vaultHash }: { userId: string; dataCentre: number; isBot: boolean; vaultHash: string },
  nowMs: number,
): Promise<void> {
  if ((await findAccount(transaction, name)) !== undefined) {
    throw new FleetError('plan-stale', `${name} was imported since its login began`, {
      account: name,
      hint: `give the login up: fleet accounts login ${name} --cancel`,
    });
  }
  await insertAccount(transaction, {
    ...{ name, key_id: keyId, user_id: userId, data_centre: dataCentre, is_bot: isBot ? 1 : 0, source_format: 'login' },
    ...{ vault_hash: vaultHash, imported_at: nowMs },
  });
}

/** The account goes on where it stood: what it remembered under its old key is what the new one starts with. */
async function carryState(context: FleetContext, account: AccountName, keyId: string): Promise<void> {
  const state = await context.states.get(account);
  const before = await findAccount(context.ledger.db, account);
  if (state === null || before === undefined || state.keyId !== before.key_id) return;
  await context.states.put({ ...state, keyId });
}

/** The first placement, to the host of the login: the address from the first moment on. */
async function insertFirstMove(transaction: LedgerDb, { account, key_id, host }: LoginRow, nowMs: number): Promise<void> {
  const decision = { account, host, score: null, strategy: null, reason: 'it was logged in there' };
  const epoch = (await highestEpoch(transaction, key_id ?? '')) + 1;
  await insertMove(transaction, {
    ...{ id: randomUUID(), account, key_id: key_id ?? '', kind: 'initial', from_host: null, to_host: host, epoch },
    ...{ decision_json: JSON.stringify(decision), created_at: nowMs },
  });
}

async function place(context: FleetContext, run: Run, login: LoginRow): Promise<GrantOutcome> {
  const { db } = context.ledger;
  const { account, host } = login;
  const known = await findAccount(db, account);
  const openMove = async () => (await listOpenMoves(db)).find((each) => each.account === account && each.from_host === null);
  // It was aborted before anything was sent.
  if (known?.host === null && (await openMove()) === undefined) await insertFirstMove(db, login, context.now());
  const move = await openMove();
  const [outcome] = move === undefined ? [] : await grantAccounts(context, run, [move]);
  const placed = await findAccount(db, account);
  if (placed?.host !== null) {
    await deleteLogin(db, account);
    await forgetKey(context, account as AccountName);
  }
  return outcome ?? { account, host: placed?.host ?? host, state: placed?.state ?? 'stored', problem: null };
}

/** Its encrypted copy stays among the removed ones. */
async function forgetKey(context: FleetContext, account: AccountName): Promise<void> {
  if ((await context.logins.list()).includes(account)) await context.logins.remove(account);
}

const codes: Partial<Record<Extract<LoginEnd, { end: 'failed' }>['why'], FleetErrorCode>> = { proof: 'usage', unoccupied: 'usage' };

function failure({ account, host }: LoginPlan, { why, message, seconds }: Extract<LoginEnd, { readonly end: 'failed' }>): FleetError {
  const again = `fleet accounts login ${account}`;
  const hints: Record<typeof why, string> = {
    request: `bring the host up to date: fleet init --limit ${host.name}`,
    network: `is Telegram in reach of ${host.name}? fleet doctor tells; then: ${again}`,
    'flood-wait': `wait ${seconds ?? 60} s, then: ${again}`,
    proof: `nothing was logged in; try again: ${again}`,
    banned: 'Telegram does not let this account log in: its owner has to ask Telegram why',
    unoccupied: 'check the number; fleet makes no new Telegram accounts',
    'other-user': `log in with the number of ${account}; for another user take another name`,
    refused: `see the error of Telegram; then: ${again}`,
    silent: `nothing was logged in; try again: ${again}`,
  };
  return new FleetError(codes[why] ?? 'account-offline', `${account} is not logged in: ${message}`, {
    account,
    host: host.name,
    hint: hints[why],
  });
}
