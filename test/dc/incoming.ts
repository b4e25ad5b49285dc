import type { Connection } from './connection.ts';
import { type Context, serverNow } from './context.ts';
import { answerRequest } from './rpc/answer.ts';
import { answerService } from './services.ts';
import { Session } from './session.ts';
import { TlError } from './tl/bytes.ts';
import { encodeObject } from './tl/codec.ts';
import type { Envelope } from './wire/crypto.ts';
import { type BadMessageCode, judgeMessageId } from './wire/message-ids.ts';
import { isContainer, type Message, openContainer, ungzip } from './wire/messages.ts';
import type { ConnectionRecord } from './world/key-use.ts';
import type { Login } from './world/world.ts';

/** A verified packet with whom it comes from. */
export interface Received {
  readonly login: Login;
  readonly record: ConnectionRecord;
  readonly envelope: Envelope;
}

/** One message to act on. */
export interface Incoming {
  readonly context: Context;
  readonly connection: Connection;
  readonly login: Login;
  readonly record: ConnectionRecord;
  readonly session: Session;
  readonly message: Message;
}

const BAD_SERVER_SALT = 48;
/** Codes of `bad_msg_notification`. */
const MUST_BE_EVEN = 34;
const MUST_BE_ODD = 35;
const INVALID_CONTENT = 64;

/** Salt first (a refused message makes no session), then the message id, then the content. */
export function receiveEnvelope(
  context: Context,
  connection: Connection,
  received: Received,
): void {
  const { login, envelope } = received;
  if (login.salts.includes(envelope.salt)) {
    const code =
      judgeMessageId(envelope.messageId, serverNow(context)) ??
      acceptEnvelope(context, connection, received);
    refuseIf(code, context, connection, envelope.sessionId, envelope);
  } else refuseSalt(context, connection, received);
}

/**
 * Null when all was accepted; what single messages of a container did wrong is already answered
 * then.
 */
function acceptEnvelope(
  context: Context,
  connection: Connection,
  received: Received,
): BadMessageCode | null {
  const { login, envelope } = received;
  const session =
    login.sessions.get(envelope.sessionId) ?? openSession(context, connection, received);
  session.bindTo(connection);
  try {
    return (
      session.noteReceived(envelope.messageId) ??
      receiveMessage({ context, connection, ...received, session, message: envelope })
    );
  } catch (error) {
    if (!(error instanceof TlError)) throw error;
    connection.violation('schema', error.message);
    return INVALID_CONTENT;
  }
}

function receiveMessage(incoming: Incoming): BadMessageCode | null {
  const { message } = incoming;
  const body = ungzip(message.body);
  if (!isContainer(body)) return receiveSingle({ ...incoming, message: { ...message, body } });
  return message.sequence % 2 === 0 ? receiveContainer(incoming, body) : MUST_BE_EVEN;
}

function receiveContainer(incoming: Incoming, body: Buffer): BadMessageCode | null {
  const { context, connection, session, message: container } = incoming;
  for (const message of openContainer(body)) {
    const inner = ungzip(message.body);
    if (isContainer(inner) || message.messageId >= container.messageId) return INVALID_CONTENT;
    // A client may repeat an unanswered message inside a later container: it was acted on, so it is
    // passed over.
    if (session.noteReceived(message.messageId) !== null) continue;
    refuseIf(
      receiveSingle({ ...incoming, message: { ...message, body: inner } }),
      context,
      connection,
      session.id,
      message,
    );
  }
  return null;
}

function receiveSingle(incoming: Incoming): BadMessageCode | null {
  const { context, message } = incoming;
  if (message.body.length < 4) throw new TlError(`a message of ${message.body.length} bytes`);
  const service = context.schemas.protocol.byId.get(message.body.readUInt32LE(0));
  if (service === undefined && message.sequence % 2 === 0) return MUST_BE_ODD;
  if (service === undefined) void answerRequest(incoming);
  else answerService(incoming, service);
  return null;
}

function openSession(
  context: Context,
  connection: Connection,
  { login, envelope }: Received,
): Session {
  const session = new Session(envelope.sessionId, connection);
  login.sessions.set(session.id, session);
  const created = {
    _: 'new_session_created',
    first_msg_id: envelope.messageId,
    unique_id: connection.nextMessageId(false),
    server_salt: login.salts[0] ?? 0n,
  };
  session.queue({
    body: encodeObject(context.schemas.protocol, created),
    isContent: true,
    isAnswer: false,
  });
  return session;
}

function refuseSalt(context: Context, connection: Connection, { login, envelope }: Received): void {
  const refusal = {
    _: 'bad_server_salt',
    bad_msg_id: envelope.messageId,
    bad_msg_seqno: envelope.sequence,
    error_code: BAD_SERVER_SALT,
    new_server_salt: login.salts[0] ?? 0n,
  };
  carryNotice(connection, envelope.sessionId, encodeObject(context.schemas.protocol, refusal));
}

function refuseIf(
  code: BadMessageCode | null,
  context: Context,
  connection: Connection,
  sessionId: bigint,
  message: Message,
): void {
  if (code === null) return;
  connection.violation('message', `message refused with code ${code}`);
  const refusal = {
    _: 'bad_msg_notification',
    bad_msg_id: message.messageId,
    bad_msg_seqno: message.sequence,
    error_code: code,
  };
  carryNotice(connection, sessionId, encodeObject(context.schemas.protocol, refusal));
}

/** Outside any session: not to be acknowledged, sequence number 0. */
function carryNotice(connection: Connection, sessionId: bigint, body: Buffer): void {
  connection.carry(sessionId, { messageId: connection.nextMessageId(false), sequence: 0, body });
}
