/**
 * Telegram's time, once it has told it; this machine's wall clock before. Goes on by the clock that
 * nobody sets (`performance.now()`), so
 * that a wall clock that is wrong by any amount, or is set meanwhile, changes nothing.
 */
export class TelegramClock {
  /** Telegram's time when `performance.now()` was 0, ms since the epoch. */
  #originMs: number | null = null;

  /** Whole ms since the epoch: it goes into files whose readers take whole numbers only. */
  readonly nowMs = (): number =>
    this.#originMs === null ? Date.now() : Math.floor(this.#originMs + performance.now());

  /**
   * How far this machine's wall clock is ahead of Telegram's, ms; null: Telegram has not told its
   * time yet.
   */
  get skewMs(): number | null {
    return this.#originMs === null ? null : Date.now() - this.nowMs();
  }

  /** Words of Telegram may have waited on their way: they only ever show that it is later. */
  advance(telegramMs: number): void {
    if (telegramMs > this.nowMs()) this.set(telegramMs);
  }

  set(telegramMs: number): void {
    this.#originMs = telegramMs - performance.now();
  }
}
