/** Bytes of a line that `onLine` gets at most; the rest of a longer line is dropped. */
export const MAX_LINE_BYTES = 1024 * 1024;
/** Bytes before the marker that are kept for an error message. */
const MAX_NOISE_BYTES = 4096;

/** Takes one stream's bytes in order. `finish` is called once, after the last of them. */
export interface OutputSink {
  push(chunk: Uint8Array): void;
  finish(): void;
}

/** Keeps the first `maxBytes` bytes; `truncated` tells whether there were more. */
export class CappedBytes implements OutputSink {
  truncated = false;
  #chunks: Uint8Array[] = [];
  #left: number;

  constructor(maxBytes: number) {
    this.#left = maxBytes;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (chunk.length > this.#left) this.truncated = true;
    if (this.#left === 0) return;
    const kept = chunk.subarray(0, this.#left);
    this.#left -= kept.length;
    this.#chunks.push(kept);
  }

  finish(): void {}

  bytes(): Uint8Array {
    const [only, ...more] = this.#chunks;
    return only !== undefined && more.length === 0 ? only : Buffer.concat(this.#chunks);
  }
}

/** Calls `onLine` for every line without its end (`\n` or `\r\n`), and at the end for a last line that has none. */
export class LineSplitter implements OutputSink {
  #partial: Uint8Array[] = [];
  #partialBytes = 0;
  readonly #onLine: (line: string) => void;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
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
    if (this.#partialBytes > 0) this.#emit();
  }

  #keep(part: Uint8Array): void {
    const kept = part.subarray(0, MAX_LINE_BYTES - this.#partialBytes);
    if (kept.length === 0) return;
    this.#partial.push(kept);
    this.#partialBytes += kept.length;
  }

  #emit(): void {
    const line = Buffer.concat(this.#partial).toString('utf8');
    this.#partial = [];
    this.#partialBytes = 0;
    this.#onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
  }
}

/**
 * Passes on what follows the first `marker`; with `withPid` also a decimal number and a full stop belong to the marker. What precedes
 * it is noise of the login shell or of sudo; its last 4 KiB are kept.
 */
export class AfterMarker implements OutputSink {
  started = false;
  /** The number behind the marker. */
  pid: number | null = null;
  #head: Buffer = Buffer.alloc(0);
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
    const at = seen.indexOf(this.#marker);
    const end = at === -1 ? -1 : this.#endOf(seen, at + this.#marker.length);
    if (end === -1) {
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
    const stop = seen.indexOf('.', from);
    if (stop !== -1) this.pid = Number(seen.toString('latin1', from, stop));
    return stop === -1 ? -1 : stop + 1;
  }
}
