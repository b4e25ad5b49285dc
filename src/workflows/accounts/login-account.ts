import type { LoginEnd, LoginKey, LoginRequest } from '../../../hostside/protocol/login.ts';
import { accountSpecFor } from '../../inventory/account-spec.ts';
import { findAccount, highestEpoch } from '../../ledger/queries/accounts.ts';
import { recordEvent } from '../../ledger/queries/events.ts';
import { deleteLogin, findLogin, insertLogin, setLoginKey } from '../../ledger/queries/logins.ts';
import { listOpenMoves } from '../../ledger/queries/moves.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import type { LoginRow } from '../../ledger/schema.ts';
import { FleetError, type FleetErrorCode } from '../../model/errors.ts';
import type { AccountName } from '../../model/names.ts';
import { judgeEvidence } from '../../ownership/evidence.ts';
import { canonicalAddress } from '../../sessions/data-centres.ts';
import type { FleetContext } from '../context.ts';
import { grantAccounts } from '../ownership/grant.ts';
import type { GrantOutcome } from '../ownership/grant-outcome.ts';
import { surveyHosts } from '../ownership/survey.ts';
import { workerConfig } from '../ownership/worker-material.ts';
import { detach } from './detach-account.ts';
import { type LoginPrompts, talkLogin } from './login-talk.ts';
import type { LoginPlan } from './plan-login.ts';
import {
  carryState,
  deviceOf,
  insertFirstMove,
  metaOf,
  requireOpen,
  sessionOf,
  subjectOf,
  takeLogin,
} from './take-login.ts';

/** Where a key of a new account is made first; Telegram sends it elsewhere where that is wrong. */
const firstDataCentre = 2;

/** Around the talk: what leads it, and what lets other commands work while somebody types. */
export interface LoginWorld {
  /** A run of the ledger, begun now. */
  readonly begin: () => Promise<Run>;
  /** Without the ledger's lock while `act` goes on; with it again when it resolves. */
  readonly aside: <T>(act: () => Promise<T>) => Promise<T>;
  readonly prompts: LoginPrompts;
}

/**
 * A new session for the account, in five acts that may each be the last: the old key is closed on
 * its host and on every other; the login is made on the host, its key kept in the vault before
 * Telegram is told whose it is; the session takes the place of the old one in the vault; the ledger
 * changes the account's key; an ordinary first placement starts it. Called again with a fresh plan,
 * it continues where it stopped. Errors: those of each act.
 */
export async function executeLogin(
  context: FleetContext,
  plan: LoginPlan,
  { begin, aside, prompts }: LoginWorld,
): Promise<GrantOutcome> {
  const run = await begin();
  const row = await beginLogin(context, plan);
  if (row.phase === 'taken') return place(context, run, row);
  await closeOldKey(context, run, row);
  const end = await aside(() => talk(context, plan, row, prompts));
  if (end.end === 'failed') throw failure(plan, end);
  if (end.end === 'out')
    throw new FleetError('bug', `the login of ${plan.account} ended without a session`, {
      hint: 'please report this',
    });
  await passLinger(context, end.lingerMs);
  const taken = await takeLogin(context, plan, row, end);
  // Others were at work meanwhile: hosts obey no run that is older than theirs.
  return place(context, await begin(), taken);
}

/**
 * Gives a login up: a key that is logged in is logged out. What the account was stays. Errors:
 * `usage` where none was begun; those of the talk.
 */
export async function cancelLogin(context: FleetContext, plan: LoginPlan): Promise<void> {
  const { db } = context.ledger;
  if (plan.begun === null || plan.begun.phase === 'taken') {
    throw new FleetError('usage', `no login of ${plan.account} is open`, {
      account: plan.account,
      hint: 'there is nothing to give up',
    });
  }
  if (plan.begun.key_id !== null) {
    const nobody = (): never => {
      throw new FleetError('bug', 'a login that is given up asks nothing', {
        hint: 'please report this',
      });
    };
    const end = await talk(
      context,
      plan,
      plan.begun,
      { text: nobody, code: nobody, show: nobody },
      'cancel',
    );
    if (end.end === 'failed') throw failure(plan, end);
  }
  await db.transaction().execute(async (transaction) => {
    await deleteLogin(transaction, plan.account);
    await recordEvent(transaction, { ...subjectOf(context, plan), kind: 'login-cancelled' });
  });
  await carryState(context, plan.account, plan.begun.key_id, plan.begun.old_key_id);
  await forgetKey(context, plan.account);
}

async function beginLogin(context: FleetContext, plan: LoginPlan): Promise<LoginRow> {
  const { db } = context.ledger;
  return db.transaction().execute(async (transaction) => {
    const account = (await findAccount(transaction, plan.account)) ?? null;
    const row: LoginRow = {
      ...{
        account: plan.account,
        host: plan.host.name,
        way: plan.way,
        old_key_id: account?.key_id ?? null,
        key_id: null,
      },
      ...{ phase: 'open', started_at: context.now() },
    };
    const before = await findLogin(transaction, plan.account);
    if (before === undefined)
      await recordEvent(transaction, {
        ...subjectOf(context, plan),
        kind: 'login-begun',
        way: plan.way,
      });
    if (before?.phase !== 'taken') await insertLogin(transaction, row);
    return (await findLogin(transaction, plan.account)) ?? row;
  });
}

/**
 * Given up by its host, with its last state; and no other host shows a claim on it, or is silent.
 */
async function closeOldKey(
  context: FleetContext,
  run: Run,
  { account: name, old_key_id }: LoginRow,
): Promise<void> {
  const account = await findAccount(context.ledger.db, name);
  if (account === undefined || old_key_id === null || account.key_id !== old_key_id) return;
  await detach(context, run, account, {
    state: 'needs-login',
    reason: 'its old session was given up; its login is open',
    keepsState: true,
  });
  const epoch = (await highestEpoch(context.ledger.db, old_key_id)) + 1;
  const intent = {
    account: name,
    keyId: old_key_id,
    moveId: 'login',
    epoch,
    toHost: '',
    ownedEpoch: null,
  };
  const { evidence, problems } = await surveyHosts(context, run);
  const verdict = judgeEvidence(intent, evidence);
  if (verdict.kind === 'clear' || verdict.kind === 'raise') return;
  const isSilent = verdict.kind === 'incomplete';
  const hosts = isSilent ? verdict.hosts : 'host' in verdict ? [verdict.host] : [];
  throw new FleetError(
    isSilent ? 'survey-incomplete' : 'claim-refused',
    `${name} is not logged in: ${hosts.join(', ')} ${isSilent ? 'did not answer and' : ''} ` +
      'might be running its old session',
    {
      account: name,
      hint: isSilent
        ? 'bring the host back and run this again; if it will never boot again: fleet ' +
          `failover ${hosts[0] ?? 'HOST'} --destroyed`
        : 'fleet adopt closes claims that nobody should have; then run this again',
      problems: hosts.map(
        (host) => `${host}: ${problems.get(host)?.message ?? 'it has a claim on it'}`,
      ),
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
    ...{
      format: 1,
      account,
      act,
      apiId,
      apiHash,
      deviceModel,
      systemVersion,
      appVersion,
      langCode,
    },
    addresses: [1, 2, 3, 4, 5].map(canonicalAddress),
    dataCentre: known?.data_centre ?? firstDataCentre,
    key: row.key_id === null ? null : await keptKey(context, account, row.key_id),
    expectedUserId: known?.user_id ?? null,
  };
  let keptId = row.key_id;
  const keep = async (key: LoginKey): Promise<void> => {
    const session = sessionOf(key);
    // First: another talk's key must not be replaced by one with which nobody is logged in.
    await setLoginKey(context.ledger.db, account, keptId, session.keyId, host.name);
    keptId = session.keyId;
    const kept = { apiId, apiHash, deviceModel, systemVersion, appVersion, langCode };
    await context.logins.put(account, session, metaOf(context, kept), { replace: true });
    session.authKey.fill(0);
  };
  // Minutes may have passed at a question: a key that is somebody's by now must not be shown to
  // Telegram from here.
  const stillMine = async <T>(said: T): Promise<T> => {
    await requireOpen(context.ledger.db, account, keptId);
    return said;
  };
  const checked: LoginPrompts = {
    text: async (...question) => stillMine(await prompts.text(...question)),
    code: async (...question) => stillMine(await prompts.code(...question)),
    show: prompts.show,
  };
  return talkLogin(context, host, request, { prompts: checked, keep });
}

/** null: it never came to be in the vault, so Telegram was never told whose it is. */
async function keptKey(
  context: FleetContext,
  account: AccountName,
  keyId: string,
): Promise<LoginKey | null> {
  if (!(await context.logins.list()).includes(account)) return null;
  const { session } = await context.logins.get(account);
  const key = {
    dataCentre: session.dataCentre,
    authKey: Buffer.from(session.authKey).toString('base64'),
  };
  session.authKey.fill(0);
  return session.keyId === keyId ? key : null;
}

/** Telegram may still count the connection of the login; the worker's would be a second one. */
async function passLinger(context: FleetContext, lingerMs: number): Promise<void> {
  if (lingerMs === 0) return;
  context.report({
    kind: 'phase',
    text:
      `waiting ${Math.ceil(lingerMs / 1000)} s until Telegram no longer counts the login's ` +
      'connection',
  });
  await context.pause(lingerMs);
}

async function place(context: FleetContext, run: Run, login: LoginRow): Promise<GrantOutcome> {
  const { db } = context.ledger;
  const { account, host } = login;
  const known = await findAccount(db, account);
  const openMove = async () =>
    (await listOpenMoves(db)).find((each) => each.account === account && each.from_host === null);
  // It was aborted before anything was sent.
  if (known?.host === null && (await openMove()) === undefined)
    await insertFirstMove(db, login, context.now());
  const move = await openMove();
  const [outcome] = move === undefined ? [] : await grantAccounts(context, run, [move]);
  const placed = await findAccount(db, account);
  if (placed?.host !== null) {
    await deleteLogin(db, account);
    await forgetKey(context, account as AccountName);
  }
  return (
    outcome ?? {
      account,
      host: placed?.host ?? host,
      state: placed?.state ?? 'stored',
      problem: null,
    }
  );
}

/** Its encrypted copy stays among the removed ones. */
async function forgetKey(context: FleetContext, account: AccountName): Promise<void> {
  if ((await context.logins.list()).includes(account)) await context.logins.remove(account);
}

const codes: Partial<Record<Extract<LoginEnd, { end: 'failed' }>['why'], FleetErrorCode>> = {
  proof: 'usage',
  unoccupied: 'usage',
};

function failure(
  { account, host }: LoginPlan,
  { why, message, seconds }: Extract<LoginEnd, { readonly end: 'failed' }>,
): FleetError {
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
  return new FleetError(
    codes[why] ?? 'account-offline',
    `${account} is not logged in: ${message}`,
    {
      account,
      host: host.name,
      hint: hints[why],
    },
  );
}
