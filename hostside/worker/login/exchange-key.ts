import { randomBytes } from 'node:crypto';
import { IGE } from 'telegram/crypto/IGE.js';
import {
  factorize,
  knownGenerators,
  knownPrime,
  power,
  sha,
  toBytes,
  toNumber,
} from './exchange-numbers.ts';
import type { PublicKey } from './public-keys.ts';
import { constructorId, TlBytesReader, tlBytes } from './tl-bytes.ts';

/** One question without a key, and its answer: contents, without their headers. */
export type PlainAsk = (content: Buffer) => Promise<Buffer>;

const id = {
  question: constructorId(0xbe7e8ef1),
  numbers: constructorId(0x05162463),
  inner: constructorId(0xa9f55f95),
  offerMe: constructorId(0xd712e4be),
  offer: constructorId(0xd0e8075c),
  offerInner: constructorId(0xb5890dba),
  mine: constructorId(0xf5045f1f),
  mineInner: constructorId(0x6643b654),
  agreed: constructorId(0x3bcbf734),
};
const keyBytes = 256;

/**
 * Makes a key with a data centre, as core.telegram.org/mtproto/auth_key says, with all the checks
 * that it asks for: the library's own exchange trusts the
 * prime, the generator and the numbers that it is sent. Rejects with Error; gives 256 bytes.
 */
export const exchangeKey = async (
  ask: PlainAsk,
  dataCentre: number,
  known: ReadonlyMap<bigint, PublicKey>,
): Promise<Buffer> => {
  const nonce = randomBytes(16);
  const numbers = new TlBytesReader(await ask(Buffer.concat([id.question, nonce])));
  numbers.expect(id.numbers);
  numbers.expect(nonce);
  const serverNonce = numbers.take(16);
  const product = numbers.bytes();
  const fingerprints = numbers.longs();
  const fingerprint = fingerprints.find((each) => known.has(each));
  const publicKey = fingerprint === undefined ? undefined : known.get(fingerprint);
  if (fingerprint === undefined || publicKey === undefined)
    throw new Error('who answers is not Telegram, or has a new public key');
  const factors = product.length > 8 ? null : factorize(toNumber(product));
  if (factors === null) throw new Error('the numbers of the answer cannot be used');
  const [p, q] = factors.map((factor) =>
    tlBytes(toBytes(factor, Math.ceil(factor.toString(16).length / 2))),
  ) as [Buffer, Buffer];
  const nonces = Buffer.concat([nonce, serverNonce]);
  const newNonce = randomBytes(32);
  const inner = Buffer.concat([
    id.inner,
    tlBytes(product),
    p,
    q,
    nonces,
    newNonce,
    int(dataCentre),
  ]);
  const named = Buffer.alloc(8);
  named.writeBigInt64LE(fingerprint);
  const sealed = tlBytes(sealFor(publicKey, inner));
  const offer = new TlBytesReader(
    await ask(Buffer.concat([id.offerMe, nonces, p, q, named, sealed])),
  );
  offer.expect(id.offer);
  offer.expect(nonces);
  const cipher = temporaryCipher(newNonce, serverNonce);
  const { generator, theirs } = readOffer(cipher.decryptIge(offer.bytes()), nonces);
  const prime = toNumber(knownPrime);
  const secret = toNumber(randomBytes(keyBytes));
  const mine = power(BigInt(generator), secret, prime);
  requireSafe(mine, prime);
  const reply = Buffer.concat([
    id.mineInner,
    nonces,
    Buffer.alloc(8),
    tlBytes(toBytes(mine, keyBytes)),
  ]);
  const agreed = new TlBytesReader(
    await ask(Buffer.concat([id.mine, nonces, tlBytes(cipher.encryptIge(hashed(reply)))])),
  );
  agreed.expect(id.agreed);
  agreed.expect(nonces);
  const authKey = toBytes(power(theirs, secret, prime), keyBytes);
  agreed.expect(
    sha('sha1', newNonce, Buffer.from([1]), sha('sha1', authKey).subarray(0, 8)).subarray(4, 20),
  );
  return authKey;
};

const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};

/** RSA_PAD: only the owner of the key can read it, and nobody can change it. */
const sealFor = ({ modulus, exponent }: PublicKey, content: Buffer): Buffer => {
  const padded = Buffer.concat([content, randomBytes(192 - content.length)]);
  for (;;) {
    const temporary = randomBytes(32);
    const body = Buffer.concat([Buffer.from(padded).reverse(), sha('sha256', temporary, padded)]);
    const encrypted = new IGE(temporary, Buffer.alloc(32)).encryptIge(body);
    const mask = sha('sha256', encrypted);
    const number = toNumber(
      Buffer.concat([temporary.map((byte, index) => byte ^ (mask[index] ?? 0)), encrypted]),
    );
    if (number < modulus) return toBytes(power(number, exponent, modulus), keyBytes);
  }
};

const temporaryCipher = (newNonce: Buffer, serverNonce: Buffer): IGE => {
  const ends = sha('sha1', serverNonce, newNonce);
  const key = Buffer.concat([sha('sha1', newNonce, serverNonce), ends.subarray(0, 12)]);
  return new IGE(
    key,
    Buffer.concat([
      ends.subarray(12, 20),
      sha('sha1', newNonce, newNonce),
      newNonce.subarray(0, 4),
    ]),
  );
};

const hashed = (content: Buffer): Buffer => {
  const padding = (16 - ((20 + content.length) % 16)) % 16;
  return Buffer.concat([sha('sha1', content), content, randomBytes(padding)]);
};

const readOffer = (
  plain: Buffer,
  nonces: Buffer,
): { readonly generator: number; readonly theirs: bigint } => {
  const body = plain.subarray(20);
  const reader = new TlBytesReader(body);
  reader.expect(id.offerInner);
  reader.expect(nonces);
  const generator = reader.int();
  const prime = reader.bytes();
  const theirs = toNumber(reader.bytes());
  reader.int();
  if (!sha('sha1', body.subarray(0, reader.at)).equals(plain.subarray(0, 20)))
    throw new Error('the answer was changed on its way');
  if (!prime.equals(knownPrime) || !knownGenerators.includes(generator))
    throw new Error('the numbers of the answer are not known to be safe');
  requireSafe(theirs, toNumber(prime));
  return { generator, theirs };
};

/** Not so close to either end that it would give the key away. */
const requireSafe = (value: bigint, prime: bigint): void => {
  const margin = 1n << BigInt(2048 - 64);
  if (value < margin || value > prime - margin)
    throw new Error('the numbers of the answer are not safe');
};
