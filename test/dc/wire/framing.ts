import { randomBytes, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Bytes that no transport of Telegram produces. The connection cannot be used any more. */
export class FramingError extends Error {
  override readonly name = 'FramingError';
}

export type FramingKind = 'full' | 'abridged' | 'intermediate' | 'padded';

/**
 * How packets are delimited on a byte stream. One instance serves one connection: `full` counts
 * packets.
 */
export interface Framing {
  readonly kind: FramingKind;
  /**
   * The first whole packet in `bytes` and how many bytes it took; null while it is not complete.
   * Throws FramingError.
   */
  take(bytes: Buffer): { readonly packet: Buffer; readonly consumed: number } | null;
  wrap(packet: Buffer): Buffer;
}

/** Telegram closes above 1 MiB of payload; some room for headers. */
const MAX_PACKET = 2 ** 20 + 1024;
/** The top bit of a length asks for a quick acknowledgement, which a server may leave out. */
const LENGTH_MASK = 0x7fffffff;

/** Length and sequence number in front, CRC-32 behind; both directions count from 0. */
export function fullFraming(): Framing {
  let received = 0;
  let sent = 0;
  return {
    kind: 'full',
    take(bytes) {
      if (bytes.length < 4) return null;
      const length = bytes.readUInt32LE(0);
      checkLength(length - 12);
      if (bytes.length < length) return null;
      if (bytes.readUInt32LE(length - 4) !== crc32(bytes.subarray(0, length - 4)))
        throw new FramingError('wrong checksum');
      const sequence = bytes.readInt32LE(4);
      if (sequence !== received)
        throw new FramingError(`packet number ${sequence}, expected ${received}`);
      received += 1;
      return { packet: bytes.subarray(8, length - 4), consumed: length };
    },
    wrap(packet) {
      const frame = Buffer.alloc(packet.length + 12);
      frame.writeUInt32LE(frame.length, 0);
      frame.writeInt32LE(sent, 4);
      packet.copy(frame, 8);
      frame.writeUInt32LE(crc32(frame.subarray(0, -4)), frame.length - 4);
      sent += 1;
      return frame;
    },
  };
}

/** Length in words: one byte, or 0x7f and three. */
export function abridgedFraming(): Framing {
  return {
    kind: 'abridged',
    take(bytes) {
      if (bytes.length < 1) return null;
      const short = bytes.readUInt8(0) & 0x7f;
      const head = short === 0x7f ? 4 : 1;
      if (bytes.length < head) return null;
      const length = 4 * (head === 4 ? bytes.readUIntLE(1, 3) : short);
      checkLength(length);
      if (bytes.length < head + length) return null;
      return { packet: bytes.subarray(head, head + length), consumed: head + length };
    },
    wrap(packet) {
      const words = packet.length / 4;
      if (words < 0x7f) return Buffer.concat([Buffer.from([words]), packet]);
      const head = Buffer.alloc(4, 0x7f);
      head.writeUIntLE(words, 1, 3);
      return Buffer.concat([head, packet]);
    },
  };
}

/**
 * Length of 4 bytes in front; `padded` adds up to 15 random bytes behind, to hide the true lengths.
 */
export function intermediateFraming(kind: 'intermediate' | 'padded'): Framing {
  return {
    kind,
    take(bytes) {
      if (bytes.length < 4) return null;
      const length = bytes.readUInt32LE(0) & LENGTH_MASK;
      checkLength(length);
      if (bytes.length < 4 + length) return null;
      const packet = bytes.subarray(4, 4 + length);
      return { packet: kind === 'padded' ? withoutPadding(packet) : packet, consumed: 4 + length };
    },
    wrap(packet) {
      const padding =
        kind === 'padded' && packet.length > 4 ? randomBytes(randomInt(16)) : Buffer.alloc(0);
      const head = Buffer.alloc(4);
      head.writeUInt32LE(packet.length + padding.length);
      return Buffer.concat([head, packet, padding]);
    },
  };
}

/** An encrypted packet is 24 bytes and whole blocks of 16. */
function withoutPadding(packet: Buffer): Buffer {
  return packet.length < 24
    ? packet
    : packet.subarray(0, packet.length - ((packet.length - 24) % 16));
}

function checkLength(length: number): void {
  if (length < 4 || length > MAX_PACKET) throw new FramingError(`a packet of ${length} bytes`);
}
