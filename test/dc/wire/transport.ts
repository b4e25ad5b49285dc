import { type Cipheriv, createCipheriv } from 'node:crypto';
import {
  abridgedFraming,
  type Framing,
  FramingError,
  type FramingKind,
  fullFraming,
  intermediateFraming,
} from './framing.ts';

/**
 * What the client chose, e.g. `full` or `obfuscated-abridged`; `unknown` before enough bytes came.
 */
export type TransportKind = FramingKind | `obfuscated-${Exclude<FramingKind, 'full'>}` | 'unknown';

/** Length of the header that starts an obfuscated stream. */
export const OBFUSCATED_HEADER = 64;

interface Obfuscation {
  readonly incoming: Cipheriv;
  readonly outgoing: Cipheriv;
}

/**
 * The server's end of one byte stream: finds out from the first bytes which transport the client
 * speaks, then turns chunks into
 * packets and packets into bytes. No I/O.
 */
export class Transport {
  #pending: Buffer = Buffer.alloc(0);
  #framing: Framing | null = null;
  #obfuscation: Obfuscation | null = null;

  get kind(): TransportKind {
    const kind = this.#framing?.kind;
    if (kind === undefined) return 'unknown';
    return this.#obfuscation !== null && kind !== 'full' ? `obfuscated-${kind}` : kind;
  }

  /**
   * The packets that became complete with this chunk, in order. Throws FramingError; the stream is
   * then unusable.
   */
  feed(chunk: Buffer): Buffer[] {
    this.#append(chunk);
    if (this.#framing === null) this.#detect();
    if (this.#framing === null) return [];
    const packets: Buffer[] = [];
    for (
      let taken = this.#framing.take(this.#pending);
      taken !== null;
      taken = this.#framing.take(this.#pending)
    ) {
      packets.push(taken.packet);
      this.#pending = this.#pending.subarray(taken.consumed);
    }
    return packets;
  }

  /** The bytes to send for one packet. */
  wrap(packet: Buffer): Buffer {
    if (this.#framing === null) throw new FramingError('the client has not chosen a transport');
    const frame = this.#framing.wrap(packet);
    return this.#obfuscation === null ? frame : this.#obfuscation.outgoing.update(frame);
  }

  #append(chunk: Buffer): void {
    const clear = this.#obfuscation === null ? chunk : this.#obfuscation.incoming.update(chunk);
    this.#pending = this.#pending.length === 0 ? clear : Buffer.concat([this.#pending, clear]);
  }

  #detect(): void {
    const bytes = this.#pending;
    if (bytes.length >= 1 && bytes.readUInt8(0) === 0xef) this.#choose(abridgedFraming(), 1);
    else if (bytes.length < 8) this.#detectFromTag(bytes);
    else if (this.#detectFromTag(bytes)) return;
    else if (bytes.readInt32LE(4) === 0) this.#choose(fullFraming(), 0);
    else if (bytes.length >= OBFUSCATED_HEADER) this.#unobfuscate(bytes);
  }

  #detectFromTag(bytes: Buffer): boolean {
    if (bytes.length < 4) return false;
    const tag = bytes.readUInt32LE(0);
    if (tag === 0xeeeeeeee) this.#choose(intermediateFraming('intermediate'), 4);
    if (tag === 0xdddddddd) this.#choose(intermediateFraming('padded'), 4);
    return this.#framing !== null;
  }

  #unobfuscate(bytes: Buffer): void {
    const header = bytes.subarray(0, OBFUSCATED_HEADER);
    const reversed = Buffer.from(header.subarray(8, 56)).reverse();
    const incoming = createCipheriv('aes-256-ctr', header.subarray(8, 40), header.subarray(40, 56));
    const outgoing = createCipheriv(
      'aes-256-ctr',
      reversed.subarray(0, 32),
      reversed.subarray(32, 48),
    );
    // The header itself passes through the cipher: its clear text ends with the tag, and the key
    // stream goes on after it.
    const clear = incoming.update(bytes);
    this.#obfuscation = { incoming, outgoing };
    this.#pending = clear;
    this.#choose(framingOfTag(clear.readUInt32LE(56)), OBFUSCATED_HEADER);
  }

  #choose(framing: Framing, consumed: number): void {
    this.#framing = framing;
    this.#pending = this.#pending.subarray(consumed);
  }
}

function framingOfTag(tag: number): Framing {
  if (tag === 0xefefefef) return abridgedFraming();
  if (tag === 0xeeeeeeee) return intermediateFraming('intermediate');
  if (tag === 0xdddddddd) return intermediateFraming('padded');
  throw new FramingError('no transport of Telegram');
}
