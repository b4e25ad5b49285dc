import { connect, type Socket } from 'node:net';

/**
 * Opens a TCP connection. The default is the plain one; a test dials its own data centre instead.
 */
export type Dial = (address: string, port: number) => Socket;

/** Why a line ended: what the socket or its owner said. */
export interface LineEnd {
  readonly reason: string;
  /**
   * Telegram's own FIN has come: it counts this connection no more. Anything else (a reset,
   * silence) may come from somebody in between.
   */
  readonly isConfirmed: boolean;
}

const dialDirectly: Dial = (address, port) => connect({ host: address, port });

/**
 * One TCP connection, opened at most once and then never again, whose end is known for certain:
 * `ended` resolves when the socket's
 * descriptor is closed. What a client library is given in place of a socket, so that it cannot
 * reconnect behind our back.
 */
export class Line {
  /** Resolves once, when nothing can be sent or received any more. */
  readonly ended: Promise<LineEnd>;
  readonly #dial: Dial;
  #socket: Socket | null = null;
  #isOver = false;
  #isConfirmed = false;
  #isEnding = false;
  readonly #staleAfterMs: number;
  #heardAtMs = performance.now();
  /** The same by the wall clock, which goes on while the machine sleeps. */
  #heardAtWallMs = Date.now();
  #reason = 'closed by Telegram';
  #end: (end: LineEnd) => void = () => {};
  #chunks: Buffer[] = [];
  #pendingBytes = 0;
  #wakeReader: (() => void) | null = null;

  /**
   * `staleAfterMs`: nothing is written when no byte has come for so long; the line is reset
   * instead. Default: never.
   */
  constructor(dial: Dial = dialDirectly, staleAfterMs = Number.POSITIVE_INFINITY) {
    this.#dial = dial;
    this.#staleAfterMs = staleAfterMs;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** When the last byte came, on the clock of `performance.now()`. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** Rejects when the connection cannot be made, or was opened or closed before. */
  async open(address: string, port: number): Promise<void> {
    if (this.#socket !== null || this.#isOver)
      throw new Error('this connection was opened or closed before');
    const socket = this.#dial(address, port);
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('end', () => {
      this.#isConfirmed = true;
    });
    socket.on('error', (error) => this.#blame(errorWord(error)));
    socket.on('close', () => this.#over());
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', () => {
        this.#noteHeard();
        resolve();
      });
      void this.ended.then(({ reason }) => reject(new Error(reason)));
    });
  }

  /** The next `length` bytes. Rejects when the line ends before. One reader at a time. */
  async readExactly(length: number): Promise<Buffer> {
    while (this.#pendingBytes < length) {
      if (this.#isOver) throw new Error('the connection is closed');
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
    const all =
      this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    this.#pendingBytes -= length;
    this.#chunks = this.#pendingBytes > 0 ? [all.subarray(length)] : [];
    return all.subarray(0, length);
  }

  write(data: Uint8Array): void {
    if (this.#isOver || this.#isEnding || this.#socket === null)
      throw new Error('the connection is closed');
    if (this.#isStale()) {
      void this.reset('the connection was silent for too long');
      throw new Error('the connection is closed');
    }
    this.#socket.write(data);
  }

  #isStale(): boolean {
    return (
      Math.max(performance.now() - this.#heardAtMs, Date.now() - this.#heardAtWallMs) >
      this.#staleAfterMs
    );
  }

  /**
   * Ends at once with a reset: the kernel drops what it had queued. Resolves when closed. Safe to
   * repeat.
   */
  async reset(reason: string): Promise<void> {
    this.#blame(reason);
    this.#kill();
    await this.ended;
  }

  /**
   * Sends what is queued and a FIN, waits for the peer's, and resets after `graceMs`. Resolves when
   * closed. Safe to repeat.
   */
  async close(reason: string, graceMs: number): Promise<void> {
    this.#blame(reason);
    if (this.#socket === null || this.#socket.connecting) return this.reset(reason);
    this.#isEnding = true;
    this.#socket.end();
    const timer = setTimeout(() => this.#kill(), graceMs);
    await this.ended;
    clearTimeout(timer);
  }

  #kill(): void {
    const socket = this.#socket;
    if (socket === null) this.#over();
    // A socket whose FIN is on its way into the kernel cannot be reset: libuv refuses and Node then
    // never tells of the close.
    else if (socket.writableEnded && !socket.writableFinished) socket.destroy();
    else socket.resetAndDestroy();
  }

  #receive(chunk: Buffer): void {
    this.#noteHeard();
    this.#chunks.push(chunk);
    this.#pendingBytes += chunk.length;
    this.#wake();
  }

  #noteHeard(): void {
    this.#heardAtMs = performance.now();
    this.#heardAtWallMs = Date.now();
  }

  /** The first reason counts. */
  #blame(reason: string): void {
    if (this.#reason === 'closed by Telegram') this.#reason = reason;
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end({ reason: this.#reason, isConfirmed: this.#isConfirmed });
    this.#wake();
  }

  #wake(): void {
    const wake = this.#wakeReader;
    this.#wakeReader = null;
    wake?.();
  }
}

/** `ECONNREFUSED` and the like: a word without an address. */
const errorWord = (error: Error): string => {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return `the connection failed (${code})`;
};
