import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Silence } from '../../answering/verdict.ts';
import type {
  LeftGroup,
  RecentSilence,
  RecentSilences,
  TestOutcome,
} from '../../protocol/silence.ts';

/** Newest ones that are kept. */
const most = 200;

/**
 * Why the account said nothing to its last messages, and what became of the last test message:
 * `silences.json` in the runtime directory, which `fleet why-silent`
 * reads. No word of any message. Only root and the account itself may read it.
 */
export class SilenceFile {
  readonly #path: string;
  readonly #recent: RecentSilence[] = [];
  #test: TestOutcome | null = null;
  #left: readonly LeftGroup[] = [];
  #isDirty = false;

  constructor(directory: string) {
    this.#path = join(directory, 'silences.json');
  }

  note(
    about: Pick<RecentSilence, 'atMs' | 'chatId' | 'messageId' | 'userId'>,
    { reason, rule, untilMs }: Silence,
  ): void {
    this.#recent.push({ ...about, reason, rule, untilMs });
    if (this.#recent.length > most) this.#recent.splice(0, this.#recent.length - most);
    this.#isDirty = true;
  }

  noteTest(outcome: TestOutcome): void {
    this.#test = outcome;
    this.#isDirty = true;
  }

  noteLeft(groups: readonly LeftGroup[]): void {
    this.#left = groups;
    this.#isDirty = true;
  }

  /**
   * Writes it when something is new. A full /run is no reason to stop: the status file says so
   * already.
   */
  write(): void {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    const content: RecentSilences = {
      format: 1,
      recent: this.#recent,
      test: this.#test,
      left: this.#left,
    };
    try {
      writeFileSync(`${this.#path}.new`, JSON.stringify(content), { mode: 0o600 });
      chmodSync(`${this.#path}.new`, 0o600);
      renameSync(`${this.#path}.new`, this.#path);
    } catch {
      this.#isDirty = true;
    }
  }
}
