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
