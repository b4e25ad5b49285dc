import { randomIdOf } from '../../answering/hash.ts';
import { giveUp } from '../../answering/sending.ts';
import type { AnswerPlan } from '../../answering/verdict.ts';
import type { TestMessage } from '../../protocol/behaviour.ts';
import { silenceReasons } from '../../protocol/silence.ts';
import type { ErrandEnd } from './errand.ts';
import type { SilenceFile } from './recent-silences.ts';
import type { StateFiles } from './state-files.ts';

/** A test message that waited longer for its worker is not said any more. */
const freshMs = 600_000;
/** How long it may take from then on. */
const sendWithinMs = 60_000;

interface TestWorld {
  readonly keyId: string;
  readonly state: StateFiles;
  readonly silences: SilenceFile;
  /** Wall clock, ms. */
  readonly now: () => number;
}

/** The operator's test messages: each is begun once, and what became of it is told. */
export class TestMessages {
  readonly #world: TestWorld;
  /** Random id -> id. */
  readonly #begun = new Map<string, string>();

  constructor(world: TestWorld) {
    this.#world = world;
  }

  /** What is to be sent; null: nothing, or it was begun before. */
  begin(test: TestMessage | undefined): AnswerPlan | null {
    const { keyId, state, silences, now } = this.#world;
    if (test === undefined || test.id === state.notes.lastTest) return null;
    state.note({ lastTest: test.id });
    const plan = testPlan(test, keyId, now());
    if ('refusal' in plan) {
      silences.noteTest({ id: test.id, isSent: false, reason: plan.refusal });
      return null;
    }
    this.#begun.set(plan.randomId, test.id);
    return plan;
  }

  /** For every answer that has ended; those that are no tests are passed over. */
  ended(plan: AnswerPlan, end: ErrandEnd): void {
    const id = this.#begun.get(plan.randomId);
    if (id === undefined) return;
    this.#begun.delete(plan.randomId);
    giveUp(this.#world.state.memory, plan);
    const reason =
      end.end === 'silent'
        ? silenceReasons[end.silence.reason]
        : 'there is no connection to Telegram, or it asks for a pause';
    this.#world.silences.noteTest({
      id,
      isSent: end.end === 'sent',
      reason: end.end === 'sent' ? '' : reason,
    });
  }
}

/**
 * The operator's test message as a plan of its own: it goes the way of every answer (pause,
 * allow-list, limits, holds) and counts in the ceiling, but replies to
 * nothing. Its event is as old as can be, so that what a crash leaves of it is never decided again.
 */
const testPlan = (
  test: TestMessage,
  keyId: string,
  nowMs: number,
): AnswerPlan | { readonly refusal: string } => {
  if (nowMs - test.askedAtMs > freshMs)
    return { refusal: 'it was asked for more than ten minutes ago' };
  // No message has such a number, and no two tests share one.
  const number = -1 - (test.askedAtMs % 1_000_000_000);
  return {
    kind: 'answer',
    cause: 'opt-out',
    rule: null,
    event: {
      ...{
        kind: 'message',
        chatId: test.chatId,
        messageId: number,
        sender: null,
        sentAtMs: 0,
        text: '',
        replyTo: null,
      },
      ...{ isReplyToMe: false, isMention: false, hasMedia: false, isOwn: false, isEdit: false },
    },
    chatId: test.chatId,
    userId: '0',
    replyTo: number,
    randomId: randomIdOf(keyId, `test ${test.id}`, ''),
    say: { kind: 'text', text: test.text },
    ...{
      startAtMs: nowMs,
      notBeforeMs: nowMs,
      notAfterMs: nowMs + sendWithinMs,
      isTyping: false,
      slot: null,
      needsLook: false,
    },
  };
};
