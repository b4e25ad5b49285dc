import { createPublicKey } from 'node:crypto';
import { _serverKeys } from 'telegram/crypto/RSA.js';
import { sha } from './exchange-numbers.ts';
import { tlBytes } from './tl-bytes.ts';

/**
 * One of Telegram's public keys, by which a program knows that it is Telegram that it makes a key
 * with.
 */
export interface PublicKey {
  readonly modulus: bigint;
  readonly exponent: bigint;
}

/**
 * By fingerprint, as the protocol computes it. Those that come with the client library, and `pem`
 * (any number of RSA keys): the file
 * `/etc/fleet/telegram-keys.pem` of a host, for the day on which Telegram changes its keys. Throws
 * Error for text that is no such key.
 */
export const publicKeys = (pem: string): ReadonlyMap<bigint, PublicKey> => {
  const known = [..._serverKeys.values()].map(
    ({ n, e }): PublicKey => ({ modulus: BigInt(n.toString()), exponent: BigInt(e) }),
  );
  const added = (pem.match(/-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----/g) ?? []).map(
    fromPem,
  );
  return new Map([...known, ...added].map((key) => [fingerprint(key), key]));
};

const fromPem = (pem: string): PublicKey => {
  const { n, e } = createPublicKey(pem).export({ format: 'jwk' });
  if (n === undefined || e === undefined) throw new Error('no RSA key');
  const number = (text: string): bigint =>
    BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`);
  return { modulus: number(n), exponent: number(e) };
};

/** Lower 64 bits of the SHA-1 over both numbers as TL strings. */
const fingerprint = ({ modulus, exponent }: PublicKey): bigint => {
  const bytes = (value: bigint): Buffer => {
    const digits = value.toString(16);
    return tlBytes(Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex'));
  };
  return sha('sha1', bytes(modulus), bytes(exponent)).readBigInt64LE(12);
};
