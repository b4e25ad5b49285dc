import type { SilenceReason } from '../../protocol/silence.ts';
import { replyBucketsMs } from '../../protocol/worker.ts';

/**
 * What happened since the start of the process, by name: part of the status file, and through the
 * agent the metrics.
 */
export class Tally {
  readonly #counts = new Map<string, number>();
  /** Raised by every change. */
  version = 0;

  add(name: string, amount = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + amount);
    this.version += 1;
  }

  /** A value instead of a count. */
  set(name: string, value: number): void {
    if (this.#counts.get(name) === value) return;
    this.#counts.set(name, value);
    this.version += 1;
  }

  silence(reason: SilenceReason): void {
    this.add(`skipped_${reason.replaceAll('-', '_')}`);
  }

  /**
   * From hearing to sending: all of it, and without what was waited on purpose (delay, slot) and
   * for the model. ms.
   */
  answered(totalMs: number, ownMs: number): void {
    this.add('answered');
    this.#observe('reply', totalMs);
    this.#observe('reply_own', ownMs);
  }

  counters(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  #observe(name: string, ms: number): void {
    const bucket = replyBucketsMs.find((limit) => ms <= limit) ?? 'more';
    this.add(`${name}_ms_${bucket}`);
    this.add(`${name}_ms_sum`, Math.round(ms));
  }
}
