/** Bytes of a line that `onLine` gets at most; the rest of a longer line is dropped. */
export const MAX_LINE_BYTES = 1024 * 1024;
/** Bytes before the marker that are kept for an error message, and that may come at all. */
const MAX_NOISE_BYTES = 4096;
const MAX_PRELUDE_BYTES = 256 * 1024;
/** Digits of a process id behind the marker; Linux has 7 at most. */
const MAX_PID_DIGITS = 10;

/** Takes one stream's bytes in order. `finish` is called once, after the last of them. */
export interface OutputSink {
  push(chunk: Uint8Array): void;
  finish(): void;
}

/** The host says more than it was asked for. The text completes "HOST: it ...". */
export class OutputOverflow extends Error {}

/** Passes on at most `maxBytes` bytes. Throws {@link OutputOverflow} at the first byte above. */
export class LimitedOutput implements OutputSink {
  #left: number;
  readonly #maxBytes: number;
  readonly #next: OutputSink;

  constructor(maxBytes: number, next: OutputSink) {
    this.#left = maxBytes;
    this.#maxBytes = maxBytes;
    this.#next = next;
  }

  push(chunk: Uint8Array): void {
    this.#left -= chunk.length;
    if (this.#left < 0)
      throw new OutputOverflow(
        `answered more than ${this.#maxBytes} bytes, the most that was asked for`,
      );
    this.#next.push(chunk);
  }

  finish(): void {
    this.#next.finish();
  }
}

/**
 * Bytes in one piece, however small the pieces are in which a host sends them: a list of pieces
 * would cost a hundred times as much as bytes.
 */
export class GrowingBytes {
  #held: Buffer = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(chunk: Uint8Array): void {
    const needed = this.#length + chunk.length;
    if (needed > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#held.length, 256));
      this.#held.copy(larger, 0, 0, this.#length);
      this.#held = larger;
    }
    this.#held.set(chunk, this.#length);
    this.#length = needed;
  }

  /** All that was appended; valid until the next append or take. */
  bytes(): Buffer {
    return this.#held.subarray(0, this.#length);
  }

  /** The same as text, and from here on empty. */
  takeText(): string {
    const text = this.bytes().toString('utf8');
    this.#length = 0;
    return text;
  }
}

/** Keeps the first `maxBytes` bytes; `truncated` tells whether there were more. */
export class CappedBytes implements OutputSink {
  truncated = false;
  readonly #kept = new GrowingBytes();
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(chunk: Uint8Array): void {
    const left = this.#maxBytes - this.#kept.length;
    if (chunk.length > left) this.truncated = true;
    if (left > 0) this.#kept.append(chunk.subarray(0, left));
  }

  finish(): void {}

  bytes(): Uint8Array {
    return this.#kept.bytes();
  }
}

/**
 * Calls `onLine` for every line without its end (`\n` or `\r\n`), and at the end for a last line
 * that has none. A line above `maxBytes` is cut, or
 * refused (`isStrict`) with {@link OutputOverflow} as soon as it is too long.
 */
export class LineSplitter implements OutputSink {
  readonly #partial = new GrowingBytes();
  readonly #onLine: (line: string) => void;
  readonly #maxBytes: number;
  readonly #isStrict: boolean;

  constructor(onLine: (line: string) => void, maxBytes: number = MAX_LINE_BYTES, isStrict = false) {
    this.#onLine = onLine;
    this.#maxBytes = maxBytes;
    this.#isStrict = isStrict;
  }

  push(chunk: Uint8Array): void {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      this.#keep(chunk.subarray(from, end));
      this.#emit();
      from = end + 1;
    }
    this.#keep(chunk.subarray(from));
  }

  finish(): void {
    if (this.#partial.length > 0) this.#emit();
  }

  #keep(part: Uint8Array): void {
    const kept = part.subarray(0, this.#maxBytes - this.#partial.length);
    if (this.#isStrict && kept.length < part.length)
      throw new OutputOverflow(`answered a line of more than ${this.#maxBytes} bytes`);
    if (kept.length > 0) this.#partial.append(kept);
  }

  #emit(): void {
    const line = this.#partial.takeText();
    this.#onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
  }
}

/**
 * Passes on what follows the first `marker`; with `withPid` also a decimal number and a full stop
 * belong to the marker. What precedes
 * it is noise of the login shell or of sudo; its last 4 KiB are kept, and more than 256 KiB of it
 * is refused, as is a marker that goes on
 * without end ({@link OutputOverflow}).
 */
export class AfterMarker implements OutputSink {
  started = false;
  /** The number behind the marker. */
  pid: number | null = null;
  #head: Buffer = Buffer.alloc(0);
  #seenBytes = 0;
  readonly #marker: string;
  readonly #withPid: boolean;
  readonly #next: OutputSink;

  constructor(marker: string, withPid: boolean, next: OutputSink) {
    this.#marker = marker;
    this.#withPid = withPid;
    this.#next = next;
  }

  push(chunk: Uint8Array): void {
    if (this.started) {
      this.#next.push(chunk);
      return;
    }
    const seen = Buffer.concat([this.#head, chunk]);
    this.#seenBytes += chunk.length;
    const at = seen.indexOf(this.#marker);
    const end = at === -1 ? -1 : this.#endOf(seen, at + this.#marker.length);
    if (end === -1) {
      if (this.#seenBytes > MAX_PRELUDE_BYTES)
        throw new OutputOverflow(
          `printed more than ${MAX_PRELUDE_BYTES} bytes before the command began`,
        );
      this.#head = at === -1 ? seen.subarray(-MAX_NOISE_BYTES) : seen;
      return;
    }
    this.started = true;
    this.#head = seen.subarray(Math.max(0, at - MAX_NOISE_BYTES), at);
    this.#next.push(seen.subarray(end));
  }

  finish(): void {
    this.#next.finish();
  }

  noise(): string {
    return this.#head.toString('utf8').trim();
  }

  #endOf(seen: Buffer, from: number): number {
    if (!this.#withPid) return from;
    const [, digits = '', stop] =
      /^(\d*)(\D?)/.exec(seen.toString('latin1', from, from + MAX_PID_DIGITS + 1)) ?? [];
    if (stop === '' && digits.length <= MAX_PID_DIGITS) return -1;
    if (stop !== '.' || digits === '')
      throw new OutputOverflow('answered with a marker that no shell of this command has printed');
    this.pid = Number(digits);
    return from + digits.length + 1;
  }
}
