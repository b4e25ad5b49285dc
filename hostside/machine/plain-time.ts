/**
 * Telegram's time without a key: the first question of a key exchange (`req_pq_multi`,
 * core.telegram.org/mtproto/auth_key), whose answer carries Telegram's
 * time in its message id, seconds times 2^32. Unencrypted messages are key id 0, message id,
 * length, content.
 */

const headerBytes = 8 + 8 + 4;
const nonceBytes = 16;
const reqPqMulti = 0xbe7e8ef1;
const resPq = 0x05162463;

/** The message id of a moment (ms since the epoch); divisible by 4, as a client's have to be. */
export const messageIdAt = (atMs: number): bigint =>
  ((BigInt(Math.floor(atMs)) << 32n) / 1000n) & ~3n;

/** ms since the epoch. */
export const answeredAtMs = (messageId: bigint): number =>
  Number(((messageId & 0x7fff_ffff_ffff_ffffn) * 1000n) >> 32n);

/** `nonce`: 16 random bytes. `nowMs`: the message id's time, which Telegram does not judge. */
export const plainQuestion = (nonce: Uint8Array, nowMs: number): Buffer => {
  const packet = Buffer.alloc(headerBytes + 4 + nonceBytes);
  packet.writeBigInt64LE(messageIdAt(nowMs), 8);
  packet.writeInt32LE(4 + nonceBytes, 16);
  packet.writeUInt32LE(reqPqMulti, headerBytes);
  packet.set(nonce, headerBytes + 4);
  return packet;
};

/** Telegram's time, ms since the epoch; null: this is no answer to the question with that nonce. */
export const plainAnswer = (packet: Buffer, nonce: Uint8Array): number | null => {
  if (packet.length < headerBytes + 4 + nonceBytes || packet.readBigInt64LE(0) !== 0n) return null;
  if (packet.readUInt32LE(headerBytes) !== resPq) return null;
  if (!packet.subarray(headerBytes + 4, headerBytes + 4 + nonceBytes).equals(nonce)) return null;
  return answeredAtMs(packet.readBigInt64LE(8));
};
