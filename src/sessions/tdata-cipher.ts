import { createDecipheriv, createHash, pbkdf2Sync } from 'node:crypto';

const sha1 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/**
 * AES-256 in IGE mode, from ECB: OpenSSL offers no IGE to its callers. `data`: whole blocks of 16
 * bytes; `iv`: 32 bytes.
 */
const decryptIge = (data: Buffer, key: Buffer, iv: Buffer): Buffer => {
  const cipher = createDecipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  const plain = Buffer.alloc(data.length);
  let [before, plainBefore] = [iv.subarray(0, 16), iv.subarray(16, 32)];
  const mixed = Buffer.alloc(16);
  for (let at = 0; at < data.length; at += 16) {
    for (let index = 0; index < 16; index += 1)
      mixed[index] = (data[at + index] ?? 0) ^ (plainBefore[index] ?? 0);
    const block = cipher.update(mixed);
    for (let index = 0; index < 16; index += 1)
      plain[at + index] = (block[index] ?? 0) ^ (before[index] ?? 0);
    [before, plainBefore] = [data.subarray(at, at + 16), plain.subarray(at, at + 16)];
  }
  return plain;
};

/**
 * Key and vector of MTProto 1.0 for a message of the other side
 * (core.telegram.org/mtproto/description_v1), as Telegram Desktop uses them on its own disk.
 */
const keyAndVector = (key: Buffer, messageKey: Buffer): readonly [Buffer, Buffer] => {
  const part = (from: number, length: number): Buffer => key.subarray(8 + from, 8 + from + length);
  const a = sha1(messageKey, part(0, 32));
  const b = sha1(part(32, 16), messageKey, part(48, 16));
  const c = sha1(part(64, 32), messageKey);
  const d = sha1(messageKey, part(96, 32));
  return [
    Buffer.concat([a.subarray(0, 8), b.subarray(8, 20), c.subarray(4, 16)]),
    Buffer.concat([a.subarray(8, 20), b.subarray(0, 8), c.subarray(16, 20), d.subarray(0, 8)]),
  ];
};

/**
 * What was encrypted under `key` (256 bytes): its hash stands before it and its length,
 * little-endian, in it. null: another key, or damage.
 */
export const decryptLocal = (encrypted: Buffer, key: Buffer): Buffer | null => {
  const [messageKey, data] = [encrypted.subarray(0, 16), encrypted.subarray(16)];
  if (key.length !== 256 || data.length === 0 || data.length % 16 !== 0) return null;
  const plain = decryptIge(data, ...keyAndVector(key, messageKey));
  if (!sha1(plain).subarray(0, 16).equals(messageKey)) return null;
  const length = plain.readUInt32LE(0);
  return length < 4 || length > plain.length || length <= data.length - 16
    ? null
    : plain.subarray(4, length);
};

/**
 * The key that a passcode opens, 256 bytes. Without a passcode one round is all that Telegram
 * Desktop makes, with one 100,000 (about half a second).
 */
export const keyOfPasscode = (salt: Buffer, passcode: string): Buffer => {
  const hash = createHash('sha512').update(salt).update(passcode, 'utf8').update(salt).digest();
  return pbkdf2Sync(hash, salt, passcode === '' ? 1 : 100_000, 256, 'sha512');
};
