/**
 * The packets of OpenSSH's connection sharing (PROTOCOL.mux, version 4) and, in proxy mode, those
 * of SSH's connection protocol (RFC 4254) as one `ssh` passes them on: length, padding length 0,
 * type, payload.
 */

/** Numbers of PROTOCOL.mux, section 11. */
export const mux = {
  version: 4,
  hello: 0x00000001,
  aliveCheck: 0x10000004,
  proxy: 0x1000000f,
  permissionDenied: 0x80000002,
  failure: 0x80000003,
  alive: 0x80000005,
  proxyOk: 0x8000000f,
} as const;

/** Numbers of RFC 4254, section 9. */
export const ssh = {
  open: 90,
  openConfirmation: 91,
  openFailure: 92,
  windowAdjust: 93,
  data: 94,
  extendedData: 95,
  eof: 96,
  close: 97,
  request: 98,
  success: 99,
  failure: 100,
} as const;

/** What a packet is made of: a number below 256 as one byte is written `{ byte }`. */
export type Field = number | string | Uint8Array | { readonly byte: number };

/** Numbers as uint32, texts and bytes with their length in front. Pure. */
export function encode(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap((field) => {
      if (typeof field === 'number') return [uint32(field)];
      if (typeof field !== 'string' && 'byte' in field) return [Buffer.from([field.byte])];
      const bytes = typeof field === 'string' ? Buffer.from(field, 'utf8') : field;
      return [uint32(bytes.length), bytes];
    }),
  );
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A message of the sharing protocol, ready for the socket. */
export const muxMessage = (...fields: readonly Field[]): Buffer => encode([encode(fields)]);

/** A message of SSH's connection protocol in proxy mode, ready for the socket. */
export const sshMessage = (type: number, ...fields: readonly Field[]): Buffer =>
  encode([encode([{ byte: 0 }, { byte: type }, ...fields])]);

/** Reads a packet from its start. Throws `RangeError` where it is shorter than it says. */
export class PacketReader {
  #at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  byte(): number {
    const value = this.#bytes.readUInt8(this.#at);
    this.#at += 1;
    return value;
  }

  uint32(): number {
    const value = this.#bytes.readUInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  bytes(): Buffer {
    const length = this.uint32();
    if (length > this.#bytes.length - this.#at) throw new RangeError('a packet ends too early');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  text(): string {
    return this.bytes().toString('utf8');
  }
}

/** Bytes of one packet at most: those of SSH have 32 KiB of data and a frame. */
const MAX_PACKET_BYTES = 256 * 1024;

/** Cuts a stream of bytes into packets. Throws `RangeError` for one that is too long. */
export class PacketSplitter {
  #held: Buffer = Buffer.alloc(0);

  /** The packets that are whole now, without their length. */
  push(chunk: Buffer): Buffer[] {
    let rest = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const whole: Buffer[] = [];
    while (rest.length >= 4) {
      const length = rest.readUInt32BE(0);
      if (length > MAX_PACKET_BYTES) throw new RangeError(`a packet of ${length} bytes`);
      if (rest.length < 4 + length) break;
      whole.push(rest.subarray(4, 4 + length));
      rest = rest.subarray(4 + length);
    }
    this.#held = rest;
    return whole;
  }
}
