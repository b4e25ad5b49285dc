import { setTimeout as sleep } from 'node:timers/promises';

/**
 * What an interrupted command line still waits for on a connection, ms: commands on the host are
 * told to end.
 */
const LIMIT_MS = 4_000;

/** What has to be said to a host before a link ends because the command line was interrupted. */
export class Farewells {
  readonly #farewells = new Set<() => Promise<void>>();

  /** Returns how to take it back. */
  add(farewell: () => Promise<void>): () => void {
    this.#farewells.add(farewell);
    return () => this.#farewells.delete(farewell);
  }

  /**
   * Says all of them side by side, then calls `act`; at once where there are none, after {@link
   * LIMIT_MS} at the latest.
   */
  before(act: () => void): void {
    if (this.#farewells.size === 0) {
      act();
      return;
    }
    const all = Promise.allSettled([...this.#farewells].map((farewell) => farewell()));
    void Promise.race([all, sleep(LIMIT_MS)]).then(act);
  }
}
