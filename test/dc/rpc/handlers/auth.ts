import type { Identity } from '../../auth/login-desk.ts';
import { passwordless } from '../../auth/password.ts';
import type { TlObject } from '../../tl/codec.ts';
import type { HandlerTable, RpcContext } from '../handler.ts';
import { userObject } from '../objects.ts';
import { RpcError } from '../rpc-error.ts';

/** Seconds after which a client may ask for the code by another way. */
const RESEND_AFTER_S = 60;
const CODE_LENGTH = 5;

/** Methods by which a key gets its login; all may be called before. */
export const authHandlers: HandlerTable = {
  'auth.sendCode': (request, context) => {
    requireApp(request);
    return sendCode(String(request.phone_number), context);
  },
  'auth.resendCode': (request, context) => sendCode(String(request.phone_number), context),
  'auth.cancelCode': (request, { world }) => {
    world.desk.cancelCode(digits(request.phone_number));
    return true;
  },
  'auth.signIn': signIn,
  'auth.checkPassword': checkPassword,
  'account.getPassword': getPassword,
  'auth.exportLoginToken': (request, context) => {
    requireApp(request);
    return exportLoginToken(context);
  },
  'auth.importLoginToken': (request, context) =>
    importLoginToken(request.token as Uint8Array, context),
  'auth.importBotAuthorization': importBotAuthorization,
  'auth.logOut': (_request, { world, login }) => {
    world.signOut(login);
    return { _: 'auth.loggedOut' };
  },
};

const digits = (phone: unknown): string => String(phone).replace(/\D/g, '');

function requireApp({ api_id, api_hash }: TlObject): void {
  if (Number(api_id) <= 0 || String(api_hash) === '') throw new RpcError(400, 'API_ID_INVALID');
}

/** Throws what Telegram answers about a number that cannot log in here. */
function identityOf(number: string, { world, login }: RpcContext): Identity {
  if (!/^\d{5,15}$/.test(digits(number))) throw new RpcError(400, 'PHONE_NUMBER_INVALID');
  const identity = world.desk.phone(digits(number));
  if (identity === null) throw new RpcError(400, 'PHONE_NUMBER_UNOCCUPIED');
  if (identity.isNumberBanned) throw new RpcError(400, 'PHONE_NUMBER_BANNED');
  if (identity.dcId !== login.dcId) throw new RpcError(303, `PHONE_MIGRATE_${identity.dcId}`);
  return identity;
}

/** First to the account's other devices, then by SMS. */
function sendCode(number: string, context: RpcContext): TlObject {
  const { world, login } = context;
  const phone = digits(number);
  // As Telegram does: whether anybody has the number is told at the sign-in only.
  if (world.desk.phone(phone) !== null || !/^\d{5,15}$/.test(phone)) identityOf(number, context);
  const { hash, sentCount } = world.desk.sendCode(phone);
  login.waitingFor = null;
  if (sentCount > 1)
    return {
      _: 'auth.sentCode',
      type: { _: 'auth.sentCodeTypeSms', length: CODE_LENGTH },
      phone_code_hash: hash,
    };
  return {
    ...{
      _: 'auth.sentCode',
      type: { _: 'auth.sentCodeTypeApp', length: CODE_LENGTH },
      phone_code_hash: hash,
    },
    ...{ next_type: { _: 'auth.codeTypeSms' }, timeout: RESEND_AFTER_S },
  };
}

function signIn(request: TlObject, context: RpcContext): TlObject {
  const { desk } = context.world;
  const phone = digits(request.phone_number);
  const code = String(request.phone_code ?? '');
  if (code === '') throw new RpcError(400, 'PHONE_CODE_EMPTY');
  const verdict = desk.judgeCode(phone, String(request.phone_code_hash), code);
  if (verdict === 'expired') throw new RpcError(400, 'PHONE_CODE_EXPIRED');
  if (verdict === 'wrong') throw new RpcError(400, 'PHONE_CODE_INVALID');
  const identity = identityOf(phone, context);
  desk.cancelCode(phone);
  return admit(identity, context);
}

/** Logged in, unless the account has a password: then that is waited for. */
function admit(identity: Identity, { world, login }: RpcContext): TlObject {
  if (identity.password !== null) {
    login.waitingFor = identity;
    throw new RpcError(401, 'SESSION_PASSWORD_NEEDED');
  }
  world.signIn(login, identity.account);
  return { _: 'auth.authorization', user: userObject(identity.account, identity.account) };
}

function getPassword(_request: TlObject, { world, login, account }: RpcContext): TlObject {
  const identity = login.waitingFor ?? world.desk.identityOf(account);
  if (login.waitingFor === null && login.status !== 'live')
    throw new RpcError(401, 'AUTH_KEY_UNREGISTERED');
  return identity?.password?.ask() ?? passwordless();
}

function checkPassword(request: TlObject, { world, login }: RpcContext): TlObject {
  const identity = login.waitingFor;
  if (identity === null || identity.password === null)
    throw new RpcError(401, 'AUTH_KEY_UNREGISTERED');
  const verdict = identity.password.check(request.password as TlObject);
  if (verdict === 'unknown') throw new RpcError(400, 'SRP_ID_INVALID');
  if (verdict === 'wrong') throw new RpcError(400, 'PASSWORD_HASH_INVALID');
  world.signIn(login, identity.account);
  return { _: 'auth.authorization', user: userObject(identity.account, identity.account) };
}

function exportLoginToken(context: RpcContext): TlObject {
  const { world, login, nowS } = context;
  const scanned = world.desk.scannedOf(login);
  if (scanned === null) {
    const { token, expiresS } = world.desk.newToken(login, nowS);
    return { _: 'auth.loginToken', expires: expiresS, token };
  }
  if (scanned.identity.dcId !== login.dcId)
    return { _: 'auth.loginTokenMigrateTo', dc_id: scanned.identity.dcId, token: scanned.token };
  return importLoginToken(scanned.token, context);
}

function importLoginToken(token: Uint8Array, context: RpcContext): TlObject {
  const identity = context.world.desk.acceptedBy(token);
  if (identity === null || identity.dcId !== context.login.dcId)
    throw new RpcError(400, 'AUTH_TOKEN_INVALID');
  context.world.desk.forgetToken(token);
  return { _: 'auth.loginTokenSuccess', authorization: admit(identity, context) };
}

function importBotAuthorization(request: TlObject, context: RpcContext): TlObject {
  requireApp(request);
  const identity = context.world.desk.bot(String(request.bot_auth_token));
  if (identity === null) throw new RpcError(400, 'ACCESS_TOKEN_INVALID');
  if (identity.dcId !== context.login.dcId)
    throw new RpcError(303, `USER_MIGRATE_${identity.dcId}`);
  return admit(identity, context);
}
