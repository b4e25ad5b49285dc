import type { Session, SessionDevice, SessionFormat } from '../model/session.ts';

/**
 * Why a session was refused, as a stable, documented list. Callers branch on the code, never on the
 * text.
 *
 * `UNREADABLE` `TOO_LARGE` `IN_USE` `CHANGING` `WAL_PRESENT` `WAL_MISSING` `JOURNAL_PRESENT`
 * `PASSCODE` concern the file around the session; `EMPTY` `NOT_SQLITE`
 * `OTHER_FORMAT` `BAD_STRING` `TRUNCATED` `CORRUPT` `WRONG_TABLES` `UNKNOWN_VERSION` `NO_ROW`
 * `MANY_ROWS` its form; the others what it says.
 */
export type SessionRefusalCode =
  | 'UNREADABLE'
  | 'TOO_LARGE'
  | 'IN_USE'
  | 'CHANGING'
  | 'WAL_PRESENT'
  | 'WAL_MISSING'
  | 'JOURNAL_PRESENT'
  | 'PASSCODE'
  | 'EMPTY'
  | 'NOT_SQLITE'
  | 'OTHER_FORMAT'
  | 'BAD_STRING'
  | 'TRUNCATED'
  | 'CORRUPT'
  | 'WRONG_TABLES'
  | 'UNKNOWN_VERSION'
  | 'NO_ROW'
  | 'MANY_ROWS'
  | 'NO_KEY'
  | 'KEY_LENGTH'
  | 'KEY_DEGENERATE'
  | 'DC_RANGE'
  | 'TEST_MODE'
  | 'NO_USER';

/**
 * A session that may not be used. `message` starts with where (file name), says what; `hint` says
 * what to do. Holds no secret.
 */
export interface SessionRefusal {
  readonly ok: false;
  readonly code: SessionRefusalCode;
  readonly message: string;
  readonly hint: string;
}

/** `FORK_Vn`: written by a fork of Pyrogram whose schema number is n. */
export type SessionWarningCode =
  | 'USER_UNKNOWN'
  | 'BOT'
  | 'TAKEOUT'
  | 'WAL_MODE'
  | 'FILE_MODE'
  | 'OLD_VERSION'
  | 'NEWER_VERSION'
  | 'OLD_STRING'
  | 'SHARED_KEY'
  | 'DESCRIBED'
  | 'OTHER_APPLICATION'
  | `FORK_V${number}`;

/** Something the operator should know about a session that is accepted nevertheless. */
export interface SessionWarning {
  readonly code: SessionWarningCode;
  readonly message: string;
}

/**
 * An accepted session. `session.testMode` is always false; `authKey` is a copy that the caller owns
 * and may zero.
 */
export interface ParsedSession {
  readonly ok: true;
  readonly session: Session;
  readonly format: SessionFormat;
  /** The application that logged in, where the format carries it. */
  readonly apiId: number | null;
  /** What a description beside the file says of application and device; absent: there is none. */
  readonly device?: SessionDevice;
  readonly warnings: readonly SessionWarning[];
}

export type SessionOutcome = ParsedSession | SessionRefusal;

/** Makes a {@link SessionRefusal}; `where` is the file name or `session string`. */
export const refuse = (
  code: SessionRefusalCode,
  where: string,
  what: string,
  hint: string,
): SessionRefusal => ({
  ok: false,
  code,
  message: `${where}: ${what}`,
  hint,
});
