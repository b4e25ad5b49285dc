/** Work of one chat one after the other, and at most so much of all chats at once. */
export class InTurn {
  readonly #most: number;
  readonly #chains = new Map<string, Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Runs `work` when everything of `chat` before it has ended and a place is free. Rejects as
   * `work` does; others are not held up by that.
   */
  async run<T>(chat: string, work: () => Promise<T>): Promise<T> {
    const before = this.#chains.get(chat);
    let end: () => void = () => {};
    const own = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#chains.set(chat, own);
    try {
      await before;
      await this.#enter();
      try {
        return await work();
      } finally {
        this.#leave();
      }
    } finally {
      end();
      if (this.#chains.get(chat) === own) this.#chains.delete(chat);
    }
  }

  async #enter(): Promise<void> {
    if (this.#running >= this.#most)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
  }

  /** The place goes to who waits longest, without being free in between. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}
