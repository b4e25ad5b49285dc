import { bootMs } from '../machine/boot.ts';
import { monotonicMs } from '../machine/clocks.ts';
import type { BeginMark, Mark } from './decide.ts';
import { decideProgress, type Progress } from './decide-progress.ts';

/**
 * What another process is told in time; so much of a standstill that comes in small pieces is not
 * missed by it.
 */
const keepEveryMs = 600_000;
/**
 * Telegram's words may have waited for the machine to read them: an earlier measure is better for
 * so long.
 */
const renewAfterMs = 60_000;

export const progressNow = (telegramMs: number | null): Progress => {
  const sinceBootMs = bootMs();
  const telegram = telegramMs === null ? null : { atMs: telegramMs, bootMs: sinceBootMs };
  return { suspendedMs: sinceBootMs - monotonicMs(), telegram };
};

/** What is known of the progress of this boot; null: nothing. */
export const knownProgress = (mark: Mark<BeginMark>, bootId: string): Progress | null =>
  mark === null || mark === 'unreadable' || mark.bootId !== bootId ? null : (mark.progress ?? null);

/**
 * Watches one run of an account. `keep` is told what has to outlive this process; nothing is kept
 * any more once the machine is found to have stood still.
 */
export class ProgressWatch {
  #known: Progress;
  #refusal: string | null = null;
  #keptAtMs = Number.NEGATIVE_INFINITY;
  readonly #keep: (progress: Progress) => void;

  constructor(known: Progress, keep: (progress: Progress) => void) {
    this.#known = known;
    this.#keep = keep;
  }

  /**
   * `telegramMs`: what Telegram has just said; null: nothing. Gives why the account may no longer
   * run; null: it may.
   */
  judge(telegramMs: number | null): string | null {
    const now = progressNow(telegramMs);
    this.#refusal ??= decideProgress(this.#known, now);
    if (this.#refusal === null) this.#renew(now);
    return this.#refusal;
  }

  #renew({ suspendedMs, telegram }: Progress): void {
    const known = this.#known.telegram;
    const isBetter =
      telegram !== null &&
      (known === null ||
        aheadMs(telegram) > aheadMs(known) ||
        telegram.bootMs - known.bootMs > renewAfterMs);
    this.#known = { suspendedMs, telegram: isBetter ? telegram : known };
    if (telegram === null || performance.now() - this.#keptAtMs < keepEveryMs) return;
    this.#keptAtMs = performance.now();
    this.#keep(this.#known);
  }
}

const aheadMs = ({ atMs, bootMs: since }: NonNullable<Progress['telegram']>): number =>
  atMs - since;
