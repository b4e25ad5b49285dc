/** A TL string: its length in 1 or 4 bytes, the bytes, zeros up to a multiple of 4. */
export const tlBytes = (content: Uint8Array): Buffer => {
  const isShort = content.length < 254;
  const head = isShort ? Buffer.from([content.length]) : Buffer.alloc(4);
  if (!isShort) head.writeUInt32LE(254 + content.length * 256);
  const padding = Buffer.alloc((4 - ((head.length + content.length) % 4)) % 4);
  return Buffer.concat([head, content, padding]);
};

/**
 * Reads what a key exchange consists of. Throws Error past the end, or where something else stands
 * than is expected.
 */
export class TlBytesReader {
  #at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Bytes read so far. */
  get at(): number {
    return this.#at;
  }

  take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw new Error('the answer is cut off');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  int(): number {
    return this.take(4).readInt32LE();
  }

  /** A constructor or a repeated nonce. */
  expect(bytes: Uint8Array): void {
    if (!this.take(bytes.length).equals(bytes))
      throw new Error('the answer is not the one to the question');
  }

  bytes(): Buffer {
    const short = this.take(1)[0] ?? 0;
    const length = short < 254 ? short : this.take(3).readUIntLE(0, 3);
    const content = this.take(length);
    this.take((4 - (((short < 254 ? 1 : 4) + length) % 4)) % 4);
    return content;
  }

  longs(): bigint[] {
    this.expect(constructorId(0x1cb5c415));
    const count = this.int();
    if (count < 0 || count > 64) throw new Error('the answer is not the one to the question');
    return Array.from({ length: count }, () => this.take(8).readBigInt64LE());
  }
}

export const constructorId = (id: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(id);
  return bytes;
};
