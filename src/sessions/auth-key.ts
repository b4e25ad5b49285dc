import { createHash } from 'node:crypto';
import type { KeyId } from '../model/names.ts';
import { refuse, type SessionRefusal } from './session-outcome.ts';

/** Length of a Telegram authorization key in bytes. */
export const authKeyBytes = 256;

/** A random key has about 162 different byte values; so few mean filler, not a key. */
const leastDifferentBytes = 8;

/**
 * First 32 hex digits of SHA-256("fleet session key v1\0" + key). Unkeyed on purpose: 2048 random
 * bits cannot be guessed back.
 */
export const keyIdOf = (authKey: Uint8Array): KeyId =>
  createHash('sha256')
    .update('fleet session key v1\0', 'latin1')
    .update(authKey)
    .digest('hex')
    .slice(0, 32) as KeyId;

/**
 * Codes `NO_KEY` (none stored), `KEY_LENGTH` (not 256 bytes), `KEY_DEGENERATE` (filler); undefined
 * when the key is usable.
 */
export const refuseAuthKey = (authKey: Uint8Array, where: string): SessionRefusal | undefined => {
  if (authKey.length === 0) {
    return refuse(
      'NO_KEY',
      where,
      'holds no authorization key',
      'It was created but never logged in: log in with the tool that made it, then import again.',
    );
  }
  if (authKey.length !== authKeyBytes) {
    return refuse(
      'KEY_LENGTH',
      where,
      `the authorization key has ${authKey.length} bytes instead of ${authKeyBytes}`,
      'The session is damaged: take an intact copy, or log in anew.',
    );
  }
  if (new Set(authKey).size < leastDifferentBytes) {
    return refuse(
      'KEY_DEGENERATE',
      where,
      'the authorization key is filler, not random bytes',
      'The session is damaged or a placeholder: take an intact copy, or log in anew.',
    );
  }
  return undefined;
};
