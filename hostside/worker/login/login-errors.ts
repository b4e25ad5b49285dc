import type { LoginFailure } from '../../protocol/login.ts';
import { asFailure } from '../telegram/gramjs-failure.ts';
import { meaningOf } from '../telegram/telegram-errors.ts';
import type { TelegramFailure } from '../telegram/telegram-port.ts';

/** Why a login ends without success. `message`: one line without a secret. */
export class LoginOver extends Error {
  readonly why: LoginFailure;
  readonly seconds: number | null;

  constructor(why: LoginFailure, message: string, seconds: number | null = null) {
    super(message);
    this.why = why;
    this.seconds = seconds;
  }
}

export const overFrom = ({ failure }: TelegramFailure): LoginOver => {
  if (failure.kind === 'network') return new LoginOver('network', failure.reason);
  if (failure.kind === 'deleted')
    return new LoginOver('banned', 'Telegram says that this account is deleted');
  if (failure.kind === 'transport')
    return new LoginOver('network', `Telegram answered transport error ${failure.code}`);
  const { code, name, seconds } = failure;
  if (seconds !== null)
    return new LoginOver('flood-wait', `Telegram asks to wait ${seconds} s`, seconds);
  if (meaningOf(name) === 'banned')
    return new LoginOver('banned', `the account or its number is banned or deactivated (${name})`);
  if (name === 'PHONE_NUMBER_UNOCCUPIED')
    return new LoginOver('unoccupied', 'nobody has this number at Telegram');
  return new LoginOver('refused', `Telegram refuses the login (${code} ${name})`);
};

/** Name of an RPC error; '' for anything else. */
export const nameOf = (error: unknown): string => {
  const { failure } = asFailure(error);
  return failure.kind === 'rpc' ? failure.name : '';
};

/** The data centre that an error sends us to; null: it is another error. */
export const movedTo = (error: unknown): number | null => {
  const newDc =
    typeof error === 'object' && error !== null && 'newDc' in error
      ? Number(error.newDc)
      : Number.NaN;
  return newDc >= 1 && newDc <= 5 ? newDc : null;
};
