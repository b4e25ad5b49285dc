import { pbkdf2Sync, randomBytes } from 'node:crypto';
import type { TlObject } from '../tl/codec.ts';
import { digest, GENERATOR, PRIME, power, toBytes, toNumber } from './numbers.ts';

/**
 * A two-step password as the server keeps it: a verifier, from which the password cannot be had
 * (SRP, core.telegram.org/api/srp).
 */
export class Password {
  readonly hint: string;
  readonly #salt1 = randomBytes(40);
  readonly #salt2 = randomBytes(16);
  readonly #verifier: bigint;
  /** One question is open at a time. */
  #question: { readonly id: bigint; readonly secret: bigint; readonly offer: bigint } | null = null;

  constructor(password: string, hint: string) {
    this.hint = hint;
    const salted = (data: Uint8Array, salt: Uint8Array): Buffer =>
      digest('sha256', salt, data, salt);
    const first = salted(salted(Buffer.from(password, 'utf8'), this.#salt1), this.#salt2);
    const slow = pbkdf2Sync(first, this.#salt1, 100_000, 64, 'sha512');
    this.#verifier = power(GENERATOR, toNumber(salted(slow, this.#salt2)), PRIME);
  }

  /** `account.password`. */
  ask(): TlObject {
    const secret = toNumber(randomBytes(256));
    const offer = (multiplier() * this.#verifier + power(GENERATOR, secret, PRIME)) % PRIME;
    const id = randomBytes(8).readBigInt64LE();
    this.#question = { id, secret, offer };
    return {
      ...passwordless(),
      has_password: true,
      current_algo: this.#algorithm(),
      srp_B: toBytes(offer),
      srp_id: id,
      hint: this.hint,
    };
  }

  /** `unknown`: the answer is to no open question. */
  check(answer: TlObject): 'right' | 'wrong' | 'unknown' {
    const question = this.#question;
    if (question === null || answer._ !== 'inputCheckPasswordSRP' || answer.srp_id !== question.id)
      return 'unknown';
    const theirs = toNumber(answer.A as Uint8Array);
    if (theirs <= 1n || theirs >= PRIME - 1n) return 'wrong';
    const [a, b] = [toBytes(theirs), toBytes(question.offer)];
    const scrambler = toNumber(digest('sha256', a, b));
    const shared = power(theirs * power(this.#verifier, scrambler, PRIME), question.secret, PRIME);
    const [ofPrime, ofGenerator] = [
      digest('sha256', toBytes(PRIME)),
      digest('sha256', toBytes(GENERATOR)),
    ];
    const mixed = Buffer.from(ofPrime.map((byte, index) => byte ^ (ofGenerator[index] ?? 0)));
    const salts = [digest('sha256', this.#salt1), digest('sha256', this.#salt2)];
    const proof = digest('sha256', mixed, ...salts, a, b, digest('sha256', toBytes(shared)));
    if (!proof.equals(answer.M1 as Uint8Array)) return 'wrong';
    this.#question = null;
    return 'right';
  }

  #algorithm(): TlObject {
    return {
      _: 'passwordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow',
      ...{ salt1: this.#salt1, salt2: this.#salt2, g: Number(GENERATOR), p: toBytes(PRIME) },
    };
  }
}

function multiplier(): bigint {
  return toNumber(digest('sha256', toBytes(PRIME), toBytes(GENERATOR)));
}

/** `account.password` of an account without one. */
export function passwordless(): TlObject {
  return {
    _: 'account.password',
    new_algo: { _: 'passwordKdfAlgoUnknown' },
    new_secure_algo: { _: 'securePasswordKdfAlgoUnknown' },
    secure_random: randomBytes(8),
  };
}
