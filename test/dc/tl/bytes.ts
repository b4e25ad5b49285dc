/** A read or write that the format does not allow. The message names what was expected. */
export class TlError extends Error {
  override readonly name = 'TlError';
}

/** Reads the little-endian primitives of TL from one buffer; never past its end. */
export class TlReader {
  readonly #buffer: Buffer;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes not yet read. */
  get remaining(): number {
    return this.#buffer.length - this.#offset;
  }

  /** Signed 32 bit. */
  int(): number {
    return this.raw(4).readInt32LE();
  }

  /** Unsigned 32 bit: constructor ids, flags, counts. */
  uint(): number {
    return this.raw(4).readUInt32LE();
  }

  /** The next unsigned 32 bit without taking them. */
  peekUint(): number {
    const value = this.uint();
    this.#offset -= 4;
    return value;
  }

  /** Signed 64 bit. */
  long(): bigint {
    return this.raw(8).readBigInt64LE();
  }

  double(): number {
    return this.raw(8).readDoubleLE();
  }

  /** Exactly `length` bytes as they stand (a view, not a copy). */
  raw(length: number): Buffer {
    if (length < 0 || length > this.remaining)
      throw new TlError(`wanted ${length} bytes, ${this.remaining} are left`);
    const slice = this.#buffer.subarray(this.#offset, this.#offset + length);
    this.#offset += length;
    return slice;
  }

  /** All that is left. */
  rest(): Buffer {
    return this.raw(this.remaining);
  }

  /** A TL `bytes`/`string`: length of 1 or 4 bytes, content, zero padding to a multiple of 4. */
  bytes(): Buffer {
    const first = this.raw(1).readUInt8();
    const long = first === 254;
    if (first === 255) throw new TlError('a string cannot start with 0xff');
    const length = long ? this.raw(3).readUIntLE(0, 3) : first;
    const content = this.raw(length);
    this.raw(paddingOf(length + (long ? 4 : 1)));
    return content;
  }
}

/** Collects TL primitives. */
export class TlWriter {
  readonly #parts: Buffer[] = [];

  /** Signed or unsigned 32 bit, whichever the number is. */
  int(value: number): void {
    if (!Number.isInteger(value) || value < -0x80000000 || value > 0xffffffff)
      throw new TlError(`${value} is no 32 bit integer`);
    const part = Buffer.allocUnsafe(4);
    part.writeInt32LE(value | 0);
    this.#parts.push(part);
  }

  /** Signed or unsigned 64 bit. */
  long(value: bigint): void {
    const part = Buffer.allocUnsafe(8);
    part.writeBigInt64LE(BigInt.asIntN(64, value));
    this.#parts.push(part);
  }

  double(value: number): void {
    const part = Buffer.allocUnsafe(8);
    part.writeDoubleLE(value);
    this.#parts.push(part);
  }

  raw(bytes: Uint8Array): void {
    this.#parts.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  /** A TL `bytes`/`string`. At most 2^24 - 1 bytes. */
  bytes(content: Uint8Array): void {
    if (content.length > 0xffffff) throw new TlError(`${content.length} bytes do not fit a string`);
    const long = content.length >= 254;
    const head = Buffer.alloc(long ? 4 : 1);
    if (long) head.writeUInt32LE(((content.length << 8) | 254) >>> 0);
    else head.writeUInt8(content.length);
    this.#parts.push(head);
    this.raw(content);
    this.#parts.push(Buffer.alloc(paddingOf(head.length + content.length)));
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

function paddingOf(length: number): number {
  return (4 - (length % 4)) % 4;
}
