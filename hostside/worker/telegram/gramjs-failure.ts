import {
  EmailUnconfirmedError,
  FileMigrateError,
  MsgWaitError,
  NetworkMigrateError,
  PhoneMigrateError,
  RPCError,
  SlowModeWaitError,
  TypeNotFoundError,
  UserMigrateError,
} from 'telegram/errors/index.js';
import { TelegramFailure } from './telegram-port.ts';

export const network = (reason: string): TelegramFailure =>
  new TelegramFailure({ kind: 'network', reason }, reason);

/** `code` as on the wire, with or without its sign. */
export const transport = (code: number): TelegramFailure =>
  new TelegramFailure(
    { kind: 'transport', code: Math.abs(code) },
    `transport error ${Math.abs(code)}`,
  );

const unreadable = {
  kind: 'network',
  reason: 'Telegram answered what this release cannot read',
} as const;

/** The request was carried out, but its answer holds something unknown. */
export const isUnreadableAnswer = (error: unknown): boolean =>
  error instanceof TelegramFailure && error.failure === unreadable;

/** What Telegram would have answered: for what is known without asking. */
export const refused = (
  code: number,
  name: string,
  seconds: number | null = null,
): TelegramFailure => new TelegramFailure({ kind: 'rpc', code, name, seconds }, `${code} ${name}`);

/**
 * Whatever the library throws. Its errors may carry whole requests, so only code and name, or the
 * class, are told.
 */
export const asFailure = (error: unknown): TelegramFailure => {
  if (error instanceof TelegramFailure) return error;
  if (error instanceof TypeNotFoundError) return new TelegramFailure(unreadable, unreadable.reason);
  if (!(error instanceof RPCError))
    return network(
      `the client failed (${error instanceof Error ? error.constructor.name : typeof error})`,
    );
  const seconds = secondsOf(error);
  return refused(error.code ?? 0, seconds === null ? nameOf(error) : waitName(error), seconds);
};

/** Telegram's longest are a day. Whatever it asks for, a week later it is asked again. */
const longestWaitSeconds = 7 * 86_400;
/**
 * Waits that the library has no class for: `TAKEOUT_INIT_DELAY_X`, `2FA_CONFIRM_WAIT_X`, and those
 * of tomorrow.
 */
const namedWait = /_(?:WAIT|DELAY)_(\d{1,18})(MIN)?$/;

function secondsOf(error: RPCError): number | null {
  const [, digits, unit] = namedWait.exec(error.errorMessage ?? '') ?? [];
  const named = digits === undefined ? null : Number(digits) * (unit === undefined ? 1 : 60);
  const seconds = 'seconds' in error && typeof error.seconds === 'number' ? error.seconds : named;
  return seconds === null ? null : Math.min(seconds, longestWaitSeconds);
}

/** Errors for which the library has a class, and a sentence in the place of Telegram's own name. */
const renamed = [
  [UserMigrateError, 'USER_MIGRATE'],
  [NetworkMigrateError, 'NETWORK_MIGRATE'],
  [PhoneMigrateError, 'PHONE_MIGRATE'],
  [FileMigrateError, 'FILE_MIGRATE'],
  [MsgWaitError, 'MSG_WAIT_FAILED'],
  [EmailUnconfirmedError, 'EMAIL_UNCONFIRMED'],
] as const;

const nameOf = (error: RPCError): string => {
  const [, name = error.errorMessage ?? 'UNKNOWN'] =
    renamed.find(([type]) => error instanceof type) ?? [];
  return 'newDc' in error && typeof error.newDc === 'number' ? `${name}_${error.newDc}` : name;
};

/** The library calls both `FLOOD`. */
const waitName = (error: RPCError): string =>
  error instanceof SlowModeWaitError ? 'SLOWMODE_WAIT' : 'FLOOD_WAIT';
