import { createCipheriv, createDecipheriv, createHash, randomBytes, randomInt } from 'node:crypto';

/** Who wrote a message: the two directions use different parts of the key. */
export type Sender = 'client' | 'server';

/** What stands inside an encrypted packet (MTProto 2.0). */
export interface Envelope {
  readonly salt: bigint;
  readonly sessionId: bigint;
  readonly messageId: bigint;
  readonly sequence: number;
  readonly body: Buffer;
}

/** A packet that a correct client cannot have produced. */
export class CryptoError extends Error {
  override readonly name = 'CryptoError';
}

const BLOCK = 16;
const HEADER = 32;

/** Lower 64 bits of the key's SHA-1, as 16 hex digits in wire order. Not secret. */
export function authKeyId(authKey: Uint8Array): string {
  return createHash('sha1').update(authKey).digest().subarray(12, 20).toString('hex');
}

/** A packet: key id, message key, encrypted envelope with 12 to 1024 bytes of padding. */
export function sealEnvelope(authKey: Uint8Array, sender: Sender, envelope: Envelope): Buffer {
  const head = Buffer.alloc(HEADER);
  head.writeBigInt64LE(envelope.salt, 0);
  head.writeBigInt64LE(envelope.sessionId, 8);
  head.writeBigInt64LE(envelope.messageId, 16);
  head.writeInt32LE(envelope.sequence, 24);
  head.writeInt32LE(envelope.body.length, 28);
  const length = HEADER + envelope.body.length;
  const padding = 12 + ((BLOCK - ((length + 12) % BLOCK)) % BLOCK) + BLOCK * randomInt(4);
  const plain = Buffer.concat([head, envelope.body, randomBytes(padding)]);
  const messageKey = messageKeyOf(authKey, sender, plain);
  const { key, iv } = deriveAes(authKey, sender, messageKey);
  return Buffer.concat([
    Buffer.from(authKeyId(authKey), 'hex'),
    messageKey,
    igeEncrypt(plain, key, iv),
  ]);
}

/** Opens a packet of `sender`. Throws CryptoError on a wrong message key, length or padding. */
export function openEnvelope(authKey: Uint8Array, sender: Sender, packet: Buffer): Envelope {
  const encrypted = packet.subarray(24);
  if (encrypted.length < HEADER + BLOCK || encrypted.length % BLOCK !== 0)
    throw new CryptoError(`${encrypted.length} encrypted bytes`);
  const messageKey = packet.subarray(8, 24);
  const { key, iv } = deriveAes(authKey, sender, messageKey);
  const plain = igeDecrypt(encrypted, key, iv);
  if (!messageKeyOf(authKey, sender, plain).equals(messageKey))
    throw new CryptoError('message key does not fit the content');
  const length = plain.readInt32LE(28);
  const padding = plain.length - HEADER - length;
  if (length < 0 || length % 4 !== 0 || padding < 12 || padding > 1024)
    throw new CryptoError(`length ${length}, padding ${padding}`);
  return {
    salt: plain.readBigInt64LE(0),
    sessionId: plain.readBigInt64LE(8),
    messageId: plain.readBigInt64LE(16),
    sequence: plain.readInt32LE(24),
    body: plain.subarray(HEADER, HEADER + length),
  };
}

function messageKeyOf(authKey: Uint8Array, sender: Sender, plain: Uint8Array): Buffer {
  const from = 88 + offsetOf(sender);
  return sha256(authKey.subarray(from, from + 32), plain).subarray(8, 24);
}

/**
 * AES key and IV of one message, as MTProto 2.0 derives them from the authorization key and the
 * message key.
 */
function deriveAes(
  authKey: Uint8Array,
  sender: Sender,
  messageKey: Uint8Array,
): { key: Buffer; iv: Buffer } {
  const x = offsetOf(sender);
  const a = sha256(messageKey, authKey.subarray(x, x + 36));
  const b = sha256(authKey.subarray(40 + x, 76 + x), messageKey);
  return {
    key: Buffer.concat([a.subarray(0, 8), b.subarray(8, 24), a.subarray(24, 32)]),
    iv: Buffer.concat([b.subarray(0, 8), a.subarray(8, 24), b.subarray(24, 32)]),
  };
}

/**
 * AES-256-IGE, which Node does not offer: c[i] = E(m[i] ^ c[i-1]) ^ m[i-1]. With d[i] = c[i] ^
 * m[i-1] this is plain CBC over
 * m[i] ^ m[i-2], so one native call does the work. `iv` is c[-1] followed by m[-1]; lengths are
 * multiples of 16.
 */
export function igeEncrypt(plain: Uint8Array, key: Uint8Array, iv: Uint8Array): Buffer {
  const input = Buffer.from(plain);
  const previous = Buffer.concat([iv.subarray(BLOCK, 2 * BLOCK), plain]);
  for (let i = BLOCK; i < input.length; i += 1) {
    // The first m[i-2] that counts is m[-1] of the IV, for the second block.
    input[i] = (input[i] ?? 0) ^ (previous[i - BLOCK] ?? 0);
  }
  const cipher = createCipheriv('aes-256-cbc', key, iv.subarray(0, BLOCK)).setAutoPadding(false);
  const output = Buffer.concat([cipher.update(input), cipher.final()]);
  return xorWith(output, previous);
}

/**
 * The inverse of {@link igeEncrypt}; each block needs the one before, so it goes block by block.
 */
export function igeDecrypt(encrypted: Uint8Array, key: Uint8Array, iv: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  const plain = Buffer.alloc(encrypted.length);
  let lastPlain = iv.subarray(BLOCK, 2 * BLOCK);
  let lastEncrypted = iv.subarray(0, BLOCK);
  for (let at = 0; at < encrypted.length; at += BLOCK) {
    const block = encrypted.subarray(at, at + BLOCK);
    const opened = decipher.update(xorWith(Buffer.from(block), lastPlain));
    plain.set(xorWith(opened, lastEncrypted), at);
    lastPlain = plain.subarray(at, at + BLOCK);
    lastEncrypted = block;
  }
  return plain;
}

function xorWith(target: Buffer, other: Uint8Array): Buffer {
  for (let i = 0; i < target.length; i += 1) target[i] = (target[i] ?? 0) ^ (other[i] ?? 0);
  return target;
}

function offsetOf(sender: Sender): number {
  return sender === 'client' ? 0 : 8;
}

function sha256(...parts: Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
