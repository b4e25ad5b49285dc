import type { ChatEvent } from '../protocol/chat.ts';
import type { SilenceReason } from '../protocol/silence.ts';

/**
 * The account itself, as Telegram knows it now. `userId`: decimal text; `username` without `@`;
 * `firstName` empty where it is not known.
 */
export interface Self {
  readonly keyId: string;
  readonly userId: string;
  readonly username: string | null;
  readonly firstName: string;
}

/**
 * What a decision needs from the world. `nowMs`: ms since the epoch, by a clock that is
 * synchronised.
 */
export interface Moment {
  readonly nowMs: number;
  readonly self: Self;
  /** The group's title; null: not known. */
  readonly groupTitle: string | null;
}

export interface Silence {
  readonly kind: 'silence';
  readonly reason: SilenceReason;
  /** The rule that would have answered; null where none was chosen. */
  readonly rule: string | null;
  /** When the reason ends by itself, ms since the epoch; null: it does not, or nobody can tell. */
  readonly untilMs: number | null;
}

/**
 * The account's turn among the accounts that share the chat. `position` 0 answers first; `of`
 * positions make one round.
 */
export interface Slot {
  readonly position: number;
  readonly of: number;
  readonly round: number;
}

/**
 * An answer that may be given inside a window of time. The order of acts: from `startAtMs` on ask
 * the model (where `say` asks for it); at `notBeforeMs` or
 * later read what was said behind the message (where `needsLook`) and hear it, call `beforeSend`,
 * which counts it, and send before `notAfterMs`; then `noteSent`. Whatever does not
 * come to an end is handed to `giveUp`.
 */
export interface AnswerPlan {
  readonly kind: 'answer';
  readonly cause: 'rule' | 'opt-out' | 'handover';
  readonly rule: string | null;
  readonly event: ChatEvent;
  readonly chatId: string;
  /** Who is answered: decimal text. */
  readonly userId: string;
  readonly replyTo: number;
  /** The same for the same message and rule, whenever it is decided: repeating it says it once. */
  readonly randomId: string;
  readonly say:
    | { readonly kind: 'text'; readonly text: string }
    | { readonly kind: 'model'; readonly instructions: string | null };
  readonly startAtMs: number;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly isTyping: boolean;
  /** null: the account is alone in the chat. */
  readonly slot: Slot | null;
  readonly needsLook: boolean;
}

export type Verdict = Silence | AnswerPlan;
