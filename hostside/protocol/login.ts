/**
 * A login is a talk between the operator's command and a program on the host that will run the
 * account, in JSON lines over one open connection: the
 * operator sends a {@link LoginRequest}, the host says {@link LoginWord}s, and each question is
 * answered by one {@link LoginAnswer}. Nothing of it is written
 * on the host: a key exists only in the program's memory and, before Telegram is told who it
 * belongs to, in the operator's vault.
 */

/** How the owner of an account proves who they are. */
export type LoginWay = 'code' | 'qr' | 'bot';

/** A key of one data centre, logged in or not. `authKey`: base64 of 256 bytes, the secret. */
export interface LoginKey {
  readonly dataCentre: number;
  readonly authKey: string;
}

export interface LoginRequest {
  readonly format: 1;
  readonly account: string;
  /** `cancel`: a key that was kept is logged out, and nothing else is done. */
  readonly act: LoginWay | 'cancel';
  readonly apiId: number;
  readonly apiHash: string;
  readonly deviceModel: string;
  readonly systemVersion: string;
  readonly appVersion: string;
  readonly langCode: string;
  /** IPv4 addresses of data centres 1 to 5. */
  readonly addresses: readonly string[];
  /** Where a new key is made first. */
  readonly dataCentre: number;
  /**
   * What an earlier talk left behind: it is gone on with, or taken up where it is logged in
   * already.
   */
  readonly key: LoginKey | null;
  /** Decimal: anybody else is logged out again. Null: whoever it is. */
  readonly expectedUserId: string | null;
}

/** Why the last answer was not the right one. */
export type LoginProblem = 'wrong' | 'expired' | 'invalid';

export type LoginWord =
  /** The key has to be in the vault before it is used for anything; answered by `kept`. */
  | { readonly ask: 'keep'; readonly key: LoginKey }
  | { readonly ask: 'phone'; readonly problem: LoginProblem | null }
  /**
   * `by`: how Telegram has sent it. `nextInS`: `resend` is possible after so many seconds; null:
   * there is no other way.
   */
  | {
      readonly ask: 'code';
      readonly by: 'app' | 'sms' | 'call' | 'email' | 'fragment';
      readonly length: number | null;
      readonly nextInS: number | null;
      readonly problem: LoginProblem | null;
    }
  | { readonly ask: 'password'; readonly hint: string; readonly problem: LoginProblem | null }
  | { readonly ask: 'token'; readonly problem: LoginProblem | null }
  /** To be shown as a QR code for so many seconds; another one follows. No question. */
  | { readonly show: 'qr'; readonly url: string; readonly forS: number }
  | LoginEnd;

/**
 * The last word. `lingerMs`: for so long Telegram may count the connection that ended, and the key
 * must be used nowhere.
 */
export type LoginEnd =
  | {
      readonly end: 'done';
      readonly key: LoginKey;
      readonly userId: string;
      readonly username: string | null;
      readonly isBot: boolean;
      readonly lingerMs: number;
    }
  /** The key is logged out, or never was logged in. */
  | { readonly end: 'out'; readonly lingerMs: number }
  | {
      readonly end: 'failed';
      readonly why: LoginFailure;
      /** One line without a secret. */
      readonly message: string;
      /** Of a wait that Telegram asks for. */
      readonly seconds: number | null;
      readonly lingerMs: number;
    };

export type LoginFailure =
  | 'request'
  /** Telegram could not be reached, or did not answer. */
  | 'network'
  | 'flood-wait'
  /** Wrong too often. */
  | 'proof'
  /** The number or the account is banned. */
  | 'banned'
  /** Nobody has the number. */
  | 'unoccupied'
  /** Somebody else has logged in than the account's user; they were logged out again. */
  | 'other-user'
  | 'refused'
  /** The operator gave no answer in time, or is gone. */
  | 'silent';

export type LoginAnswer =
  | { readonly kept: true }
  | { readonly text: string }
  | { readonly resend: true };

/** The program's first line: from here on it listens. */
export const readyLine = '{"ready":true}';

/** How long one question may stay unanswered, and the whole talk may last, ms. */
export const answerLimitMs = 5 * 60_000;
export const talkLimitMs = 10 * 60_000;
/** Of one line in either direction, bytes. */
export const loginLineBytes = 16 * 1024;
