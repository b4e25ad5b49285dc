import { randomBytes } from 'node:crypto';

const REQ_PQ_MULTI = 0xbe7e8ef1;
const RES_PQ = 0x05162463;
const HEADER = 20;

/**
 * The nonce of a `req_pq_multi`, the first question of a key exchange; null: the unencrypted packet
 * is something else.
 */
export function nonceOfQuestion(packet: Buffer): Buffer | null {
  if (packet.length < HEADER + 20 || packet.readUInt32LE(HEADER) !== REQ_PQ_MULTI) return null;
  return packet.subarray(HEADER + 4, HEADER + 20);
}

/** The content of an unencrypted message. */
export function openPlain(packet: Buffer): Buffer {
  return packet.subarray(HEADER, HEADER + packet.readInt32LE(16));
}

export function sealPlain(body: Buffer, messageId: bigint): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeBigInt64LE(messageId, 8);
  header.writeInt32LE(body.length, 16);
  return Buffer.concat([header, body]);
}

/**
 * `resPQ` as an unencrypted message. The exchange is not offered: the number to be factored is
 * Telegram's example, and no key is named.
 */
export function questionAnswer(nonce: Buffer, messageId: bigint): Buffer {
  const pq = Buffer.from('0817ed48941a08f981000000', 'hex');
  const vector = Buffer.from('15c4b51c01000000216be86c022bb4c3', 'hex');
  const id = Buffer.alloc(4);
  id.writeUInt32LE(RES_PQ);
  return sealPlain(Buffer.concat([id, nonce, randomBytes(16), pq, vector]), messageId);
}
