/**
 * Lets a bounded number of sessions be open on one connection, in the order of arrival. sshd's
 * MaxSessions (10 by default, often
 * less where it was hardened) is not announced, so the gate starts below the default and narrows
 * when the host refuses one.
 */
export class ChannelGate {
  #limit: number;
  #open = 0;
  #waiting: { start: () => void; fail: (reason: unknown) => void }[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Resolves when a session may be opened. Every enter is followed by one {@link leave}. */
  enter(): Promise<void> {
    if (this.#open < this.#limit) {
      this.#open += 1;
      return Promise.resolve();
    }
    return new Promise((start, fail) => this.#waiting.push({ start, fail }));
  }

  leave(): void {
    this.#open -= 1;
    while (this.#open < this.#limit) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#open += 1;
      next.start();
    }
  }

  /** The host refused one session more than are open besides it. */
  narrow(): void {
    this.#limit = Math.max(1, Math.min(this.#limit, this.#open - 1));
  }

  /** Rejects everybody who waits. */
  abort(reason: unknown): void {
    for (const { fail } of this.#waiting.splice(0)) fail(reason);
  }
}
