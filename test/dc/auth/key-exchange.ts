import {
  constants,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  randomBytes,
} from 'node:crypto';
import { TlError, TlReader, TlWriter } from '../tl/bytes.ts';
import { encodeObject, readObject, type TlObject } from '../tl/codec.ts';
import type { TlSchema } from '../tl/schema-text.ts';
import { igeDecrypt, igeEncrypt } from '../wire/crypto.ts';
import { digest, GENERATOR, NUMBER_BYTES, PRIME, power, toBytes, toNumber } from './numbers.ts';

/** Telegram's documented example: 1229739323 times 1402015859. */
const PQ = Buffer.from('17ed48941a08f981', 'hex');

/** What a data centre signs its part of key exchanges with. */
export interface ExchangeKey {
  readonly privateKey: KeyObject;
  /** What clients have to know, PEM (PKCS #1). */
  readonly publicPem: string;
  readonly modulus: Buffer;
  /** As the protocol names it. */
  readonly fingerprint: bigint;
}

export function newExchangeKey(): ExchangeKey {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const publicKey = createPublicKey(privateKey);
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
  const writer = new TlWriter();
  writer.bytes(Buffer.from(n, 'base64url'));
  writer.bytes(Buffer.from(e, 'base64url'));
  const modulus = Buffer.from(n, 'base64url');
  const fingerprint = digest('sha1', writer.finish()).readBigInt64LE(12);
  return {
    privateKey,
    publicPem: publicKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
    modulus,
    fingerprint,
  };
}

/** A key that was agreed upon. */
export interface AgreedKey {
  readonly authKey: Buffer;
  /** The data centre that the client named; null: it named none. */
  readonly dcId: number | null;
  readonly salt: bigint;
}

/**
 * One exchange as the server sees it (core.telegram.org/mtproto/auth_key), step by step. What a
 * correct client cannot have sent throws TlError.
 */
export class KeyExchange {
  readonly #key: ExchangeKey;
  readonly #schema: TlSchema;
  readonly #serverNonce = randomBytes(16);
  #nonce = Buffer.alloc(16);
  #inner: TlObject | null = null;
  #secret = 0n;

  constructor(key: ExchangeKey, schema: TlSchema) {
    this.#key = key;
    this.#schema = schema;
  }

  /** The answer to one question, and the key once there is one. `nowS`: the server's time. */
  answer(
    content: Uint8Array,
    nowS: number,
  ): { readonly body: Buffer; readonly agreed: AgreedKey | null } {
    const question = readObject(this.#schema, new TlReader(content));
    switch (question._) {
      case 'req_pq_multi':
        return { body: this.#begin(question), agreed: null };
      case 'req_DH_params':
        return { body: this.#offer(this.#checked(question), nowS), agreed: null };
      case 'set_client_DH_params':
        return this.#agree(this.#checked(question));
      default:
        throw new TlError(`${question._} is no part of a key exchange`);
    }
  }

  #begin(question: TlObject): Buffer {
    this.#nonce = Buffer.from(question.nonce as Uint8Array);
    return encodeObject(this.#schema, {
      ...{ _: 'resPQ', ...this.#nonces(), pq: PQ },
      server_public_key_fingerprints: [this.#key.fingerprint],
    });
  }

  #offer(question: TlObject, nowS: number): Buffer {
    const factors = [question.p, question.q].map((factor) => toNumber(factor as Uint8Array));
    if (
      (factors[0] ?? 0n) >= (factors[1] ?? 0n) ||
      (factors[0] ?? 0n) * (factors[1] ?? 0n) !== toNumber(PQ)
    )
      throw new TlError('p and q');
    if (question.public_key_fingerprint !== this.#key.fingerprint)
      throw new TlError('another public key');
    const inner = readObject(
      this.#schema,
      new TlReader(openPadded(this.#key.privateKey, question.encrypted_data as Uint8Array)),
    );
    if (inner._ !== 'p_q_inner_data_dc' && inner._ !== 'p_q_inner_data')
      throw new TlError(`${inner._} is not offered`);
    if (!Buffer.from(inner.pq as Uint8Array).equals(PQ)) throw new TlError('another pq');
    this.#inner = this.#checked(inner);
    this.#secret = toNumber(randomBytes(NUMBER_BYTES));
    const offer = encodeObject(this.#schema, {
      ...{
        _: 'server_DH_inner_data',
        ...this.#nonces(),
        g: Number(GENERATOR),
        dh_prime: toBytes(PRIME),
      },
      ...{ g_a: toBytes(power(GENERATOR, this.#secret, PRIME)), server_time: nowS },
    });
    const { key, iv } = this.#temporary();
    const encrypted_answer = igeEncrypt(hashed(offer), key, iv);
    return encodeObject(this.#schema, {
      _: 'server_DH_params_ok',
      ...this.#nonces(),
      encrypted_answer,
    });
  }

  #agree(question: TlObject): { readonly body: Buffer; readonly agreed: AgreedKey } {
    const { key, iv } = this.#temporary();
    const plain = igeDecrypt(Buffer.from(question.encrypted_data as Uint8Array), key, iv);
    const reader = new TlReader(plain.subarray(20));
    const inner = this.#checked(readObject(this.#schema, reader));
    if (
      !digest('sha1', plain.subarray(20, plain.length - reader.remaining)).equals(
        plain.subarray(0, 20),
      )
    )
      throw new TlError('the hash');
    const public_ = toNumber(inner.g_b as Uint8Array);
    if (public_ <= 1n || public_ >= PRIME - 1n) throw new TlError('g_b');
    const authKey = toBytes(power(public_, this.#secret, PRIME));
    const newNonce = this.#newNonce();
    const hash = digest(
      'sha1',
      newNonce,
      Buffer.from([1]),
      digest('sha1', authKey).subarray(0, 8),
    ).subarray(4, 20);
    const salt = newNonce.readBigInt64LE(0) ^ this.#serverNonce.readBigInt64LE(0);
    const dcId = this.#inner?._ === 'p_q_inner_data_dc' ? Number(this.#inner.dc) : null;
    const body = encodeObject(this.#schema, {
      _: 'dh_gen_ok',
      ...this.#nonces(),
      new_nonce_hash1: hash,
    });
    return { body, agreed: { authKey, dcId, salt } };
  }

  #nonces(): { readonly nonce: Buffer; readonly server_nonce: Buffer } {
    return { nonce: this.#nonce, server_nonce: this.#serverNonce };
  }

  #checked(object: TlObject): TlObject {
    if (
      !this.#nonce.equals(object.nonce as Uint8Array) ||
      !this.#serverNonce.equals(object.server_nonce as Uint8Array)
    )
      throw new TlError('the nonces');
    return object;
  }

  #newNonce(): Buffer {
    if (this.#inner === null) throw new TlError('steps out of order');
    return Buffer.from(this.#inner.new_nonce as Uint8Array);
  }

  #temporary(): { readonly key: Buffer; readonly iv: Buffer } {
    const newNonce = this.#newNonce();
    const [one, two, three] = [
      digest('sha1', newNonce, this.#serverNonce),
      digest('sha1', this.#serverNonce, newNonce),
      digest('sha1', newNonce, newNonce),
    ];
    const key = Buffer.concat([one, two.subarray(0, 12)]);
    return { key, iv: Buffer.concat([two.subarray(12, 20), three, newNonce.subarray(0, 4)]) };
  }
}

/** Undoes RSA_PAD. */
function openPadded(privateKey: KeyObject, encrypted: Uint8Array): Buffer {
  if (encrypted.length !== NUMBER_BYTES) throw new TlError('encrypted_data');
  const opened = privateDecrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, encrypted);
  const sealed = opened.subarray(32);
  const mask = digest('sha256', sealed);
  const temporaryKey = Buffer.from(
    opened.subarray(0, 32).map((byte, index) => byte ^ (mask[index] ?? 0)),
  );
  const plain = igeDecrypt(sealed, temporaryKey, Buffer.alloc(32));
  const data = Buffer.from(plain.subarray(0, 192)).reverse();
  if (!digest('sha256', temporaryKey, data).equals(plain.subarray(192)))
    throw new TlError('the hash of the inner data');
  return data;
}

function hashed(content: Buffer): Buffer {
  const padding = (16 - ((20 + content.length) % 16)) % 16;
  return Buffer.concat([digest('sha1', content), content, randomBytes(padding)]);
}
