/** What a verb has to say to people. Verbs themselves know nothing of it. */
import type { Fields, InputOf } from '../verbs/input.ts';
import type { Change, Errand, Look } from '../verbs/verb.ts';

/** What a text may depend on besides the result. */
export interface TextCircumstances<I> {
  readonly input: I;
  readonly nowMs: number;
  /** The operator has agreed beforehand. */
  readonly isAgreed: boolean;
  /** Ctrl-C has ended it. */
  readonly isInterrupted: boolean;
  /** A screen has this many; infinite without one. */
  readonly lines: number;
}

/** Of a look or an errand. `R`: what it found. */
export interface ResultText<I, R> {
  result(found: R, about: TextCircumstances<I>): string | Promise<string>;
  /** A host's output, byte for byte where no terminal reads it. */
  isRaw?(input: I): boolean;
  /** Of an errand: what it would do, before the question. */
  proposal?(plan: R, about: TextCircumstances<I>): string;
  /** Ctrl-C is how it ends. */
  endsBySignal?(input: I): boolean;
  /** On a terminal it is repeated by itself: after so many ms; null: once. */
  watches?(input: I): number | null;
}

/** Of a change. */
export interface ChangeText<I, P, D> {
  /** After a dry run, when nothing is to be done, and before a question. */
  plan?(plan: P, about: TextCircumstances<I>): string;
  /** Where something else is shown before the act. */
  proposal?(plan: P, about: TextCircumstances<I>): string;
  done(done: D, plan: P, about: TextCircumstances<I>): string;
}

// Members are written as methods, so that the text of every verb is one of these.
export type VerbText =
  | ResultText<InputOf<Fields>, unknown>
  | ChangeText<InputOf<Fields>, unknown, unknown>;

/** The text that goes with a verb. */
export type TextOf<V> =
  V extends Change<infer F, infer P, infer D>
    ? ChangeText<InputOf<F>, P, D>
    : V extends Look<infer F, infer R>
      ? ResultText<InputOf<F>, R>
      : V extends Errand<infer F, infer R>
        ? ResultText<InputOf<F>, R>
        : never;
