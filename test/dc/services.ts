import { serverNow } from './context.ts';
import type { Incoming } from './incoming.ts';
import { decodeObject, encodeObject, type TlObject } from './tl/codec.ts';
import type { TlCombinator } from './tl/schema-text.ts';
import { rpcResult } from './wire/messages.ts';

/** Seconds for which each salt is announced. */
const SALT_LIFE_S = 3600;
const MAX_SALTS = 64;
/** In `msgs_state_info`: received / nothing is known. */
const STATE_RECEIVED = 4;
const STATE_UNKNOWN = 1;

type Service = (incoming: Incoming, call: TlObject) => void;

const SERVICES: Readonly<Record<string, Service>> = {
  ping: pong,
  ping_delay_disconnect(incoming, call) {
    incoming.connection.note('request', `ping_delay_disconnect ${call.disconnect_delay}`);
    incoming.connection.disconnectAfter(1000 * Number(call.disconnect_delay));
    pong(incoming, call);
  },
  get_future_salts: futureSalts,
  msgs_state_req(incoming, call) {
    const asked = call.msg_ids as readonly bigint[];
    const info = Buffer.from(
      asked.map((id) => (incoming.session.hasReceived(id) ? STATE_RECEIVED : STATE_UNKNOWN)),
    );
    say(incoming, { _: 'msgs_state_info', req_msg_id: incoming.message.messageId, info });
  },
  destroy_session(incoming, call) {
    const id = call.session_id as bigint;
    const isKnown = id !== incoming.session.id && incoming.login.sessions.delete(id);
    say(incoming, { _: isKnown ? 'destroy_session_ok' : 'destroy_session_none', session_id: id });
  },
  rpc_drop_answer(incoming) {
    const unknown = encodeObject(incoming.context.schemas.protocol, { _: 'rpc_answer_unknown' });
    const body = rpcResult(incoming.message.messageId, unknown, Number.POSITIVE_INFINITY);
    incoming.session.queue({ body, isContent: true, isAnswer: true });
  },
  msgs_ack: nothing,
  http_wait: nothing,
  msg_resend_req: nothing,
  msgs_all_info: nothing,
  msgs_state_info: nothing,
};

/**
 * Answers what belongs to the protocol itself and not to the API. Faults can silence or end pings.
 */
export function answerService(incoming: Incoming, combinator: TlCombinator): void {
  const { connection, context, login } = incoming;
  const call = decodeObject(context.schemas.protocol, incoming.message.body);
  const service = SERVICES[combinator.name];
  if (service === undefined) {
    connection.violation('not-implemented', combinator.name);
    return;
  }
  const effect = combinator.name.startsWith('ping')
    ? context.world.faults.take(combinator.name, String(login.account.userId))
    : null;
  if (effect === null) service(incoming, call);
  else if (effect.kind === 'delay') setTimeout(() => service(incoming, call), effect.ms).unref();
  else if (effect.kind === 'close') connection.close('fault');
  else if (effect.kind === 'transport') connection.refuse(effect.code, 'fault');
}

function pong(incoming: Incoming, call: TlObject): void {
  say(incoming, { _: 'pong', msg_id: incoming.message.messageId, ping_id: call.ping_id });
}

function futureSalts(incoming: Incoming, call: TlObject): void {
  const count = Math.min(Math.max(Number(call.num), 1), MAX_SALTS);
  const now = Math.floor(serverNow(incoming.context) / 1000);
  const salts = incoming.context.world.futureSalts(incoming.login, count).slice(0, count);
  say(incoming, {
    _: 'future_salts',
    req_msg_id: incoming.message.messageId,
    now,
    salts: salts.map((salt, index) => ({
      _: 'future_salt',
      valid_since: now + index * (SALT_LIFE_S / 2),
      valid_until: now + SALT_LIFE_S + index * (SALT_LIFE_S / 2),
      salt,
    })),
  });
}

function say(incoming: Incoming, value: TlObject): void {
  const body = encodeObject(incoming.context.schemas.protocol, value);
  incoming.session.queue({ body, isContent: false, isAnswer: true });
}

function nothing(): void {
  // Accepted; there is nothing to answer.
}
