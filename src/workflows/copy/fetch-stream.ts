/** What a host sends for files that are fetched, as it arrives. Knows no file. */

/** Takes a host's files in order. */
export interface FileTaker {
  /** The next file's content follows; null: it is here already, with this hash. */
  begin(sha256: string | null): void;
  bytes(piece: Uint8Array): void;
  /** All bytes of the file were taken. */
  end(): void;
}

/** The host sends something else than was asked for. */
export class StrangeStream extends Error {}

const lineBytes = 80;
const linePattern = /^(?:same|file ([0-9a-f]{64})|end)$/;

/** Parts the stream of `fetchScript`; `sizes` are the files' sizes in order. */
export class FetchStream {
  isOver = false;
  #at = 0;
  #left: number | null = null;
  #line = '';
  readonly #sizes: readonly number[];
  readonly #taker: FileTaker;

  constructor(sizes: readonly number[], taker: FileTaker) {
    this.#sizes = sizes;
    this.#taker = taker;
  }

  /** Throws {@link StrangeStream}, and what the taker throws. */
  push(chunk: Uint8Array): void {
    let rest = chunk;
    while (rest.length > 0) rest = this.#left === null ? this.#takeLine(rest) : this.#content(rest);
  }

  #content(chunk: Uint8Array): Uint8Array {
    const piece = chunk.subarray(0, this.#left ?? 0);
    if (piece.length > 0) this.#taker.bytes(piece);
    this.#left = (this.#left ?? 0) - piece.length;
    this.#endIfFull();
    return chunk.subarray(piece.length);
  }

  #endIfFull(): void {
    if (this.#left !== 0) return;
    this.#left = null;
    this.#at += 1;
    this.#taker.end();
  }

  #takeLine(chunk: Uint8Array): Uint8Array {
    if (this.isOver) throw new StrangeStream('it went on after its end');
    const end = chunk.indexOf(10);
    this.#line += Buffer.from(chunk.subarray(0, end === -1 ? chunk.length : end)).toString(
      'latin1',
    );
    if (this.#line.length > lineBytes) throw new StrangeStream('it sent other bytes than it said');
    if (end === -1) return new Uint8Array();
    const found = linePattern.exec(this.#line);
    const size = this.#sizes[this.#at];
    if (found === null) throw new StrangeStream('it sent other bytes than it said');
    if (this.#line === 'end') {
      if (size !== undefined) throw new StrangeStream('it ended before the last file');
      this.isOver = true;
    } else this.#begin(found[1] ?? null, size);
    this.#line = '';
    return chunk.subarray(end + 1);
  }

  #begin(sha256: string | null, size: number | undefined): void {
    if (size === undefined) throw new StrangeStream('it sent more files than it was asked for');
    this.#taker.begin(sha256);
    if (sha256 === null) {
      this.#at += 1;
      return;
    }
    this.#left = size;
    this.#endIfFull();
  }
}
