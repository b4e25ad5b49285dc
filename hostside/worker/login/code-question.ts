import '../telegram/gramjs-numbers.ts';
import { Api } from 'telegram/tl/index.js';
import type { LoginWord } from '../../protocol/login.ts';
import { LoginOver } from './login-errors.ts';

/**
 * What is asked about a code that was sent. Throws {@link LoginOver} where Telegram wants something
 * else first.
 */
export const codeQuestion = ({
  type,
  nextType,
  timeout,
}: Api.auth.SentCode): Omit<Extract<LoginWord, { readonly ask: 'code' }>, 'problem'> => {
  if (type instanceof Api.auth.SentCodeTypeSetUpEmailRequired)
    throw new LoginOver(
      'refused',
      'Telegram wants an e-mail address for logins first: set one in an app that is logged in',
    );
  const length = 'length' in type && typeof type.length === 'number' ? type.length : null;
  return {
    ask: 'code',
    by: wayOf(type),
    length,
    nextInS: (nextType ?? null) === null ? null : (timeout ?? 0),
  };
};

const wayOf = (
  type: Api.auth.TypeSentCodeType,
): Extract<LoginWord, { readonly ask: 'code' }>['by'] => {
  if (type instanceof Api.auth.SentCodeTypeApp) return 'app';
  if (type instanceof Api.auth.SentCodeTypeEmailCode) return 'email';
  if (type instanceof Api.auth.SentCodeTypeFragmentSms) return 'fragment';
  const isCall =
    type instanceof Api.auth.SentCodeTypeCall || type instanceof Api.auth.SentCodeTypeFlashCall;
  return isCall || type instanceof Api.auth.SentCodeTypeMissedCall ? 'call' : 'sms';
};
