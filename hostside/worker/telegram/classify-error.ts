import { meaningOf } from './telegram-errors.ts';

/** How a connection or a request failed, in words that no client library owns. */
export type Failure =
  /**
   * An RPC error of Telegram. `name`: its text as documented, e.g. `SESSION_REVOKED`; `seconds`: of
   * a wait, otherwise null.
   */
  | {
      readonly kind: 'rpc';
      readonly code: number;
      readonly name: string;
      readonly seconds: number | null;
    }
  /**
   * A transport error in place of an answer, positive: 404 key unknown, 429 too many connections,
   * 444 wrong data centre.
   */
  | { readonly kind: 'transport'; readonly code: number }
  /** Anything else between us and Telegram. `reason`: one line without a secret. */
  | { readonly kind: 'network'; readonly reason: string }
  /** Telegram answers that this account is deleted. */
  | { readonly kind: 'deleted' };

/** What follows from a failure. `reason` is one line for the operator. */
export type ErrorClass =
  | { readonly class: 'flood-wait'; readonly seconds: number; readonly reason: string }
  | {
      readonly class: 'duplicated' | 'needs-login' | 'banned' | 'misconfigured';
      readonly reason: string;
    }
  /**
   * The server does not know the key. Final only when it says so again: servers in trouble are
   * known to say it too.
   */
  | { readonly class: 'key-unknown'; readonly reason: string }
  | { readonly class: 'transient'; readonly reason: string };

/** Seconds to hold after transport error 429, for which Telegram names no time. */
const transportFloodSeconds = 60;

/**
 * Pure. Only what Telegram documents as the end of a key, a login or an account ends one
 * (telegram-errors.ts); every other error passes.
 */
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
  if (seconds !== null)
    return { class: 'flood-wait', seconds, reason: `Telegram asks to wait ${seconds} s` };
  switch (meaningOf(name)) {
    case 'duplicated':
      return {
        class: 'duplicated',
        reason:
          'the session was used over two connections at once; Telegram has destroyed it ' +
          `(${name})`,
      };
    case 'banned':
      return { class: 'banned', reason: `the account is banned or deactivated (${name})` };
    case 'needs-login':
      return {
        class: 'needs-login',
        reason: `the session is no longer logged in (${code} ${name})`,
      };
    case 'key-unknown':
      return { class: 'key-unknown', reason: `the session is no longer logged in (${name})` };
    case 'misconfigured':
      return { class: 'misconfigured', reason: `Telegram refuses this client (${code} ${name})` };
    default:
      return { class: 'transient', reason: `Telegram answered ${code} ${name}` };
  }
};

const classifyTransport = (code: number): ErrorClass => {
  if (code === 404)
    return {
      class: 'key-unknown',
      reason: "Telegram does not know the session's key (transport error 404)",
    };
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
  /** Telegram has frozen the account: it may look and not act until its owner has appealed. */
  | { readonly refusal: 'frozen'; readonly name: string }
  /** Nothing is to be said in this chat for so long. */
  | { readonly refusal: 'slow-mode'; readonly seconds: number }
  /**
   * This account may not write in this chat, or is not in it: nothing will change that but people.
   */
  | { readonly refusal: 'forbidden'; readonly name: string }
  /** This message will never be taken. */
  | { readonly refusal: 'rejected'; readonly name: string }
  /** The account ends, or its key is in doubt: see {@link classifyError}. */
  | { readonly refusal: 'final' }
  /**
   * No answer, or trouble at Telegram: a message may have been said or not, and may be sent again
   * with the same `randomId`.
   */
  | { readonly refusal: 'unclear' };

/** Telegram limits accounts that were reported, without naming a time. */
const limitedSeconds = 3_600;

/** Pure. */
export const classifyRefusal = (failure: Failure): Refusal => {
  if (endsAccount(failure)) return { refusal: 'final' };
  if (failure.kind !== 'rpc') return { refusal: 'unclear' };
  const { code, name, seconds } = failure;
  if (seconds !== null)
    return { refusal: name.startsWith('SLOWMODE') ? 'slow-mode' : 'flood-wait', seconds };
  const meaning = meaningOf(name);
  if (meaning === 'frozen') return { refusal: 'frozen', name };
  if (meaning === 'limited') return { refusal: 'flood-wait', seconds: limitedSeconds };
  if (meaning === 'passing') return { refusal: 'unclear' };
  if (meaning === 'chat' || (meaning === null && code === 403))
    return { refusal: 'forbidden', name };
  if (meaning === 'message' || code === 400 || code === 406) return { refusal: 'rejected', name };
  return { refusal: 'unclear' };
};

/** Whether Telegram says it to every request from now on, whichever request has heard it. */
export const endsAccount = (failure: Failure): boolean => {
  const { class: kind } = classifyError(failure);
  return (
    kind === 'duplicated' ||
    kind === 'needs-login' ||
    kind === 'banned' ||
    (kind === 'key-unknown' && failure.kind === 'rpc')
  );
};
