/** How a connection or a request failed, in words that no client library owns. */
export type Failure =
  /** An RPC error of Telegram. `name`: its text as documented, e.g. `SESSION_REVOKED`; `seconds`: of a wait, otherwise null. */
  | { readonly kind: 'rpc'; readonly code: number; readonly name: string; readonly seconds: number | null }
  /** A transport error in place of an answer, positive: 404 key unknown, 429 too many connections, 444 wrong data centre. */
  | { readonly kind: 'transport'; readonly code: number }
  /** Anything else between us and Telegram. `reason`: one line without a secret. */
  | { readonly kind: 'network'; readonly reason: string }
  /** Telegram answers that this account is deleted. */
  | { readonly kind: 'deleted' };

/** What follows from a failure. `reason` is one line for the operator. */
export type ErrorClass =
  | { readonly class: 'flood-wait'; readonly seconds: number; readonly reason: string }
  | { readonly class: 'duplicated' | 'needs-login' | 'banned' | 'misconfigured'; readonly reason: string }
  /** The server does not know the key. Final only when it says so again: servers in trouble are known to say it too. */
  | { readonly class: 'key-unknown'; readonly reason: string }
  | { readonly class: 'transient'; readonly reason: string };

/** Seconds to hold after transport error 429, for which Telegram names no time. */
const transportFloodSeconds = 60;

const bannedNames = /^(?:USER_DEACTIVATED|USER_DEACTIVATED_BAN|PHONE_NUMBER_BANNED|INPUT_USER_DEACTIVATED)$/;
/** 400s about what we say of ourselves: api id, device, layer. CONNECTION_NOT_INITED is cured by a new connection. */
const misconfiguredNames = /^(?:API_ID_|CONNECTION_(?!NOT_INITED)|LANG_CODE_|SYSTEM_LANG_CODE_)/;
const loginNames = /^(?:AUTH_KEY_(?:UNREGISTERED|INVALID|PERM_EMPTY)|SESSION_(?:REVOKED|EXPIRED|PASSWORD_NEEDED))$/;

/** Pure. Every 401 and 406 is final, also those not named here: Telegram answers them again and again, and asking costs trust. */
export const classifyError = (failure: Failure): ErrorClass => {
  switch (failure.kind) {
    case 'rpc':
      return classifyRpc(failure);
    case 'transport':
      return classifyTransport(failure.code);
    case 'network':
      return { class: 'transient', reason: failure.reason };
    case 'deleted':
      return { class: 'banned', reason: 'Telegram says that this account is deleted' };
  }
};

const classifyRpc = ({ code, name, seconds }: Extract<Failure, { kind: 'rpc' }>): ErrorClass => {
  if (seconds !== null) return { class: 'flood-wait', seconds, reason: `Telegram asks to wait ${seconds} s` };
  if (name === 'AUTH_KEY_DUPLICATED')
    return {
      class: 'duplicated',
      reason: 'the session was used over two connections at once; Telegram has destroyed it (AUTH_KEY_DUPLICATED)',
    };
  if (bannedNames.test(name)) return { class: 'banned', reason: `the account is banned or deactivated (${name})` };
  if (loginNames.test(name) || code === 401) return { class: 'needs-login', reason: `the session is no longer logged in (${name})` };
  if (misconfiguredNames.test(name) || code === 406)
    return { class: 'misconfigured', reason: `Telegram refuses this client (${code} ${name})` };
  return { class: 'transient', reason: `Telegram answered ${code} ${name}` };
};

const classifyTransport = (code: number): ErrorClass => {
  if (code === 404) return { class: 'key-unknown', reason: "Telegram does not know the session's key (transport error 404)" };
  if (code === 429)
    return {
      class: 'flood-wait',
      seconds: transportFloodSeconds,
      reason: 'Telegram refuses further connections for now (transport error 429)',
    };
  return { class: 'transient', reason: `Telegram answered transport error ${code}` };
};

/** What follows from a request about one chat that Telegram did not carry out. */
export type Refusal =
  /** Nothing is to be said anywhere for so long. */
  | { readonly refusal: 'flood-wait'; readonly seconds: number }
  /** Nothing is to be said in this chat for so long. */
  | { readonly refusal: 'slow-mode'; readonly seconds: number }
  /** This account may not write in this chat, or is not in it: nothing will change that but people. */
  | { readonly refusal: 'forbidden'; readonly name: string }
  /** This message will never be taken. */
  | { readonly refusal: 'rejected'; readonly name: string }
  /** 401 or 406: the account ends, see {@link classifyError}. */
  | { readonly refusal: 'final' }
  /** No answer, or trouble at Telegram: a message may have been said or not, and may be sent again with the same `randomId`. */
  | { readonly refusal: 'unclear' };

/** Telegram limits accounts that were reported, without naming a time. */
const peerFloodSeconds = 3_600;
const forbiddenNames =
  /^(?:(?:CHAT|CHANNEL|PEER)_(?:ID_)?(?:INVALID|PRIVATE|FORBIDDEN|RESTRICTED)|CHAT_(?:\w+_)?FORBIDDEN|CHAT_ADMIN_REQUIRED|USER_BANNED_IN_CHANNEL|USER_NOT_PARTICIPANT|TOPIC_CLOSED|TOPIC_DELETED|ALLOW_PAYMENT_REQUIRED\w*)$/;

/** Pure. */
export const classifyRefusal = (failure: Failure): Refusal => {
  const { class: kind } = classifyError(failure);
  if (kind === 'duplicated' || kind === 'needs-login' || kind === 'banned') return { refusal: 'final' };
  if (failure.kind !== 'rpc') return { refusal: 'unclear' };
  const { code, name, seconds } = failure;
  if (seconds !== null) return { refusal: name.startsWith('SLOWMODE') ? 'slow-mode' : 'flood-wait', seconds };
  if (name === 'PEER_FLOOD') return { refusal: 'flood-wait', seconds: peerFloodSeconds };
  if (code === 403 || forbiddenNames.test(name)) return { refusal: 'forbidden', name };
  return code === 400 ? { refusal: 'rejected', name } : { refusal: 'unclear' };
};
