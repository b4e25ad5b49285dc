import type { CalledAccount } from '../model/called.ts';
import type { Inventory } from '../model/inventory.ts';
import type { SecretReference } from '../model/secret-reference.ts';
import type { LoginPrompts } from '../workflows/accounts/login-talk.ts';
import type { FleetEvent } from '../workflows/context.ts';
import type { NewQuestions } from '../workflows/new/new-questions.ts';
import type { Fields, InputOf } from './input.ts';
import type { Outcome } from './outcome.ts';

/** What is going on while a verb works. */
export interface Progress {
  readonly report: (event: FleetEvent) => void;
  /** Ends the display until the next report: a question, or a plan, has the terminal for itself. */
  hold(): Promise<void>;
  /** Ends the display; afterwards nothing is drawn. Safe to repeat. */
  stop(): Promise<void>;
}

/** What a login was told beforehand; each is given once, and what was wrong is asked. */
export interface GivenAnswers {
  readonly phone: string | null;
  readonly token: SecretReference | null;
  readonly password: SecretReference | null;
}

/** What is shown before an act. */
export interface Proposal {
  readonly plan: unknown;
  readonly input: InputOf<Fields>;
}

/**
 * Who has called a verb: what it was told for every verb, what it can be shown, and what it can be
 * asked.
 */
export interface Desk {
  /** The inventory that was named; undefined: the nearest one. */
  readonly inventory: string | undefined;
  /** How it is read, where its caller keeps what was read before; absent: from the file. */
  readonly readInventory?: (path: string) => Promise<Inventory>;
  /** How long to wait for another command that holds the ledger, ms. */
  readonly waitMs: number;
  /** Ctrl-C: work ends between two acts. */
  readonly signal: AbortSignal;
  startProgress(): Promise<Progress>;
  /** A line that belongs to no result. */
  note(text: string): void;
  /** What people call accounts, as soon as it is known. */
  learnNames(accounts: readonly CalledAccount[]): void;
  /** Asks for the passphrase of a key file; null where there is no terminal to ask on. */
  readonly askPassphrase: ((keyFile: string, again: boolean) => Promise<string>) | null;
  /** What is asked is agreed to beforehand. */
  readonly isAgreed: boolean;
  /** Whether a person can be asked. */
  readonly canAsk: boolean;
  /**
   * Shows the verb's plan and asks; null: there is nothing to ask, or nothing to show. Errors:
   * `usage`, where there is no terminal to ask on; `interrupted`, when the answer is no.
   */
  agree(question: string | null, proposal: Proposal | null): Promise<void>;
  /** Asks what a login needs. The caller closes it. */
  openLoginPrompts(
    given: GivenAnswers,
    readSecret: (reference: SecretReference) => Promise<string>,
  ): Promise<LoginPrompts & { close(): void }>;
  /** Asks what `fleet new` was not told; only where {@link canAsk}. */
  openNewQuestions(): Promise<NewQuestions>;
  /**
   * Takes a line of a log as soon as it is there; null: all lines are wanted at the end. `isRaw`:
   * not a byte of it is changed.
   */
  readonly line: ((text: string, isRaw: boolean) => void) | null;
  /** Looks again and again, and returns the last outcome; null: once. */
  readonly watch: ((look: () => Promise<Outcome>) => Promise<Outcome>) | null;
}
