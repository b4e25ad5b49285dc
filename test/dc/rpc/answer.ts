import { setTimeout as sleep } from 'node:timers/promises';
import { serverNow } from '../context.ts';
import type { Incoming } from '../incoming.ts';
import { TlError } from '../tl/bytes.ts';
import { encodeObject, encodeValue, type TlObject, UNREADABLE } from '../tl/codec.ts';
import { rpcResult } from '../wire/messages.ts';
import type { FaultEffect } from '../world/faults.ts';
import { judgeRequest } from '../world/key-use.ts';
import type { KeyStatus } from '../world/report.ts';
import type { HandlerTable } from './handler.ts';
import { authHandlers } from './handlers/auth.ts';
import { helpHandlers } from './handlers/help.ts';
import { messageHandlers } from './handlers/messages.ts';
import { updateHandlers } from './handlers/updates.ts';
import { userHandlers } from './handlers/users.ts';
import { RpcError } from './rpc-error.ts';
import { type Call, unwrapCall } from './unwrap.ts';

const HANDLERS: HandlerTable = {
  ...helpHandlers,
  ...authHandlers,
  ...userHandlers,
  ...updateHandlers,
  ...messageHandlers,
};

/**
 * `everywhere`: also where nobody needs to be logged in. That AUTH_KEY_UNREGISTERED is not is an
 * assumption about Telegram.
 */
const STATUS_ERRORS: Readonly<
  Record<Exclude<KeyStatus, 'live'>, { code: number; message: string; everywhere: boolean }>
> = {
  duplicated: { code: 406, message: 'AUTH_KEY_DUPLICATED', everywhere: true },
  revoked: { code: 401, message: 'SESSION_REVOKED', everywhere: true },
  expired: { code: 401, message: 'SESSION_EXPIRED', everywhere: true },
  unregistered: { code: 401, message: 'AUTH_KEY_UNREGISTERED', everywhere: false },
  deactivated: { code: 401, message: 'USER_DEACTIVATED', everywhere: false },
  banned: { code: 401, message: 'USER_DEACTIVATED_BAN', everywhere: false },
};

/**
 * Answers one RPC request; never rejects. A refusal is an `rpc_error`; what the data centre cannot
 * do is one too, and noted as a
 * violation, so that a test sees it.
 */
export async function answerRequest(incoming: Incoming): Promise<void> {
  const { context, login, record, connection } = incoming;
  const duplicate = judgeRequest(login.use, record);
  if (duplicate !== null && login.status === 'live') connection.killKey(login, duplicate);
  try {
    const result = await resultOf(incoming);
    if (result !== null) reply(incoming, result);
  } catch (error) {
    const { code, message } = rpcErrorOf(incoming, error);
    reply(
      incoming,
      encodeObject(context.schemas.protocol, {
        _: 'rpc_error',
        error_code: code,
        error_message: message,
      }),
    );
  }
}

/**
 * The boxed result; null where a fault took the answer away. Throws what {@link rpcErrorOf}
 * translates.
 */
async function resultOf(incoming: Incoming): Promise<Buffer | null> {
  const { context, login } = incoming;
  const call = readCall(incoming);
  noteCall(incoming, call);
  const isOpenToAll = call.method.name in helpHandlers || call.method.name in authHandlers;
  if (login.status !== 'live' && (STATUS_ERRORS[login.status].everywhere || !isOpenToAll))
    throw statusError(login.status);
  const effect = context.world.faults.take(call.method.name, String(login.account.userId));
  if (effect !== null && !(await passes(incoming, effect))) return null;
  const result = await perform(incoming, call);
  if (effect?.kind === 'unreadable')
    return encodeObject(context.schemas.protocol, { _: UNREADABLE });
  return effect?.kind === 'lose-answer' ? null : result;
}

/** As if the message had been wrong. */
function refuse({ context, connection, session, message }: Incoming, notice: TlObject): void {
  const body = encodeObject(context.schemas.protocol, {
    ...notice,
    bad_msg_id: message.messageId,
    bad_msg_seqno: message.sequence,
  });
  connection.carry(session.id, { messageId: connection.nextMessageId(false), sequence: 0, body });
}

function readCall({ context, connection, login, message }: Incoming): Call {
  try {
    return unwrapCall(context.schemas, message.body, login.layer);
  } catch (error) {
    if (!(error instanceof TlError)) throw error;
    connection.violation('schema', error.message);
    throw new RpcError(400, 'INPUT_METHOD_INVALID');
  }
}

function noteCall({ login, record, connection }: Incoming, call: Call): void {
  login.layer = call.declaredLayer ?? login.layer;
  record.init = call.init ?? record.init;
  record.firstRequest ??= { method: call.method.name, at: Date.now() };
  connection.note('request', call.method.name);
}

/** True when the call is to be performed after all. */
async function passes(incoming: Incoming, effect: FaultEffect): Promise<boolean> {
  const { connection } = incoming;
  switch (effect.kind) {
    case 'bad-salt':
      refuse(incoming, {
        _: 'bad_server_salt',
        error_code: 48,
        new_server_salt: incoming.login.salts[0] ?? 0n,
      });
      return false;
    case 'bad-message':
      refuse(incoming, { _: 'bad_msg_notification', error_code: effect.code });
      return false;
    case 'error':
      throw new RpcError(effect.code, effect.message);
    case 'delay':
      await sleep(effect.ms, undefined, { ref: false });
      return true;
    case 'lose-answer':
    case 'unreadable':
      return true;
    case 'silence':
      return false;
    case 'close':
      connection.close('fault');
      return false;
    case 'transport':
      connection.refuse(effect.code, 'fault');
      return false;
  }
}

async function perform({ context, login, session }: Incoming, call: Call): Promise<Buffer> {
  const handler = HANDLERS[call.method.name];
  if (handler === undefined) throw new MethodMissing(call.method.name);
  const { world, behaviour } = context;
  const nowMs = serverNow(context);
  const clock = { nowMs, nowS: Math.floor(nowMs / 1000) };
  const value = await handler(call.request, {
    world,
    behaviour,
    account: login.account,
    login,
    session,
    dataCentre: context,
    ...clock,
  });
  return encodeValue(call.schema, call.method.result, value);
}

/** A method that Telegram has and this data centre does not. */
class MethodMissing extends Error {}

function rpcErrorOf({ connection, login }: Incoming, error: unknown): RpcError {
  // Whatever else may be wrong with the request: a destroyed key hears nothing but this.
  if (login.status === 'duplicated') return statusError('duplicated');
  if (error instanceof RpcError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  if (error instanceof MethodMissing) {
    connection.violation('not-implemented', detail);
    return new RpcError(500, 'NOT_IMPLEMENTED');
  }
  connection.violation('internal', detail);
  return new RpcError(500, 'INTERNAL');
}

function statusError(status: Exclude<KeyStatus, 'live'>): RpcError {
  const { code, message } = STATUS_ERRORS[status];
  return new RpcError(code, message);
}

function reply({ context, session, message }: Incoming, result: Buffer): void {
  const body = rpcResult(message.messageId, result, context.behaviour.gzipAboveBytes);
  session.queue({ body, isContent: true, isAnswer: true });
}
