import { createHash } from 'node:crypto';
import type { Session } from '../../src/model/session.ts';
import { keyIdOf } from '../../src/sessions/auth-key.ts';

/** 256 random-looking bytes that are the same in every run; belong to no account. */
export const fixtureKey = (number: number): Uint8Array =>
  Uint8Array.from(
    Buffer.concat(
      Array.from({ length: 8 }, (_, part) =>
        createHash('sha256').update(`fixture key ${number} ${part}`).digest(),
      ),
    ),
  );

export const fixtureUserId = 5_000_000_123n;

/** A person's session at data centre 2, with whatever is to differ. */
export const fixtureSession = (changes: Partial<Session> = {}): Session => {
  const authKey = changes.authKey ?? fixtureKey(1);
  return {
    dataCentre: 2,
    userId: fixtureUserId,
    isBot: false,
    testMode: false,
    ...changes,
    authKey,
    keyId: keyIdOf(authKey),
  };
};
