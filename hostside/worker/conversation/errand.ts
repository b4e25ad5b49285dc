import { setTimeout as sleep } from 'node:timers/promises';
import { silence } from '../../answering/checks.ts';
import { modelRequest } from '../../answering/model-request.ts';
import {
  beforeSend,
  composeAnswer,
  giveUp,
  noteBlocked,
  noteFloodWait,
  noteSent,
} from '../../answering/sending.ts';
import type { AnswerPlan, Silence } from '../../answering/verdict.ts';
import type { SilenceReason } from '../../protocol/silence.ts';
import type { ModelRefusal } from '../model/model-caller.ts';
import { classifyRefusal, type Failure } from '../telegram/classify-error.ts';
import { TelegramFailure, type TelegramLink } from '../telegram/telegram-port.ts';
import type { Desk } from './desk.ts';

/** How an errand ended. `suspended`: it stays pending and is decided again later. */
export type ErrandEnd =
  | { readonly end: 'sent'; readonly totalMs: number; readonly ownMs: number }
  | { readonly end: 'silent'; readonly silence: Silence }
  | { readonly end: 'suspended' };

const suspended: ErrandEnd = { end: 'suspended' };
/** Telegram in trouble is asked so often, with the same random id. */
const sendTries = 3;
const sendAgainMs = 1_000;
/** Telegram shows "is typing" for some 6 s. */
const typingEveryMs = 5_000;
const forbiddenMs = 3_600_000;
/** So often an account that Telegram has frozen is tried again. */
const frozenMs = 3_600_000;
/** Messages behind the one to be answered in which a colleague's answer is looked for. */
const lookLimit = 200;

const modelReasons: Readonly<Record<Exclude<ModelRefusal, 'stopped'>, SilenceReason>> = {
  ...{
    budget: 'model-budget',
    'circuit-open': 'model-failed',
    busy: 'model-failed',
    failed: 'model-failed',
    moderated: 'moderated',
  },
  refused: 'model-refused',
};

/**
 * Carries one answer from its plan to its end: waits, asks the model, types, looks whether a
 * colleague was faster, sends. Whatever it meets, the answer is said at
 * most once: it keeps its random id.
 */
export class Errand {
  readonly plan: AnswerPlan;
  /** Being sent: too late to be given up. */
  isSending = false;
  readonly #desk: Desk;
  readonly #startedAt = performance.now();
  readonly #drop = new AbortController();
  readonly #signal: AbortSignal;
  #waitedMs = 0;

  constructor(plan: AnswerPlan, desk: Desk) {
    this.plan = plan;
    this.#desk = desk;
    this.#signal = AbortSignal.any([desk.stop, this.#drop.signal]);
  }

  get isDropped(): boolean {
    return this.#drop.signal.aborted;
  }

  /** Others need its place. */
  drop(): void {
    this.#drop.abort();
  }

  /** Never rejects, except for a fault of ours. */
  async run(): Promise<ErrandEnd> {
    const { plan } = this;
    const prepared = await this.#prepare();
    if (prepared === 'stopped') return this.#stopped();
    if (prepared !== null && typeof prepared === 'object') return this.#silent(prepared);
    return this.#desk.inTurn.run(plan.chatId, () => this.#deliver(prepared));
  }

  #stopped(): ErrandEnd {
    return this.#drop.signal.aborted
      ? this.#silent(silence('queue-full', this.plan.rule))
      : suspended;
  }

  #silent(why: Silence): ErrandEnd {
    giveUp(this.#desk.memory, this.plan);
    return { end: 'silent', silence: why };
  }

  /** Until it is time to send; what the model said meanwhile, null where none is asked. */
  async #prepare(): Promise<string | null | Silence | 'stopped'> {
    const { plan } = this;
    const beganAt = performance.now();
    try {
      await this.#until(plan.startAtMs);
      const words = plan.say.kind === 'model' ? await this.#askModel() : null;
      await this.#typeUntil(plan.notBeforeMs);
      return this.#signal.aborted ? 'stopped' : words;
    } catch (error) {
      if (this.#signal.aborted) return 'stopped';
      throw error;
    } finally {
      this.#waitedMs += performance.now() - beganAt;
    }
  }

  async #askModel(): Promise<string | Silence | 'stopped'> {
    const { memory, conduct, model } = this.#desk;
    const request = modelRequest(memory, conduct, this.plan);
    const settings = conduct.behaviour.model;
    if (request === null || model === null || settings === null)
      return silence('model-failed', this.plan.rule);
    void this.#type();
    const outcome = await model.ask(request.messages, this.#signal);
    if ('text' in outcome) return outcome.text;
    if (outcome.refusal === 'stopped') return 'stopped';
    return settings.fallback ?? silence(modelReasons[outcome.refusal], this.plan.rule);
  }

  /** In its chat's turn. */
  async #deliver(words: string | null): Promise<ErrandEnd> {
    for (let tries = 1; ; tries += 1) {
      const { link } = this.#desk;
      if (this.#signal.aborted) return this.#stopped();
      if (link === null) return suspended;
      try {
        return await this.#sendOnce(link, words);
      } catch (error) {
        const end = this.#refused(error instanceof TelegramFailure ? error.failure : null, tries);
        if (end !== null) return end;
      }
      await sleep(sendAgainMs, undefined, { signal: this.#signal }).catch(() => undefined);
    }
  }

  async #sendOnce(link: TelegramLink, words: string | null): Promise<ErrandEnd> {
    const { plan } = this;
    const desk = this.#desk;
    if (plan.needsLook && (await this.#isAnswered(link)))
      return this.#silent(silence('colleague-answered', plan.rule));
    const text = composeAnswer(desk.memory, desk.conduct, plan, words);
    if (text === null) return this.#silent(silence('model-failed', plan.rule));
    // The look may have taken long, and Telegram may have asked for a pause meanwhile: then another
    // time is found.
    if (desk.link !== link || desk.isHeld(plan.chatId)) return suspended;
    const against = beforeSend(desk.memory, desk.conduct, plan, desk.now());
    if (against !== null) return { end: 'silent', silence: against };
    desk.changed(true);
    this.isSending = true;
    try {
      const replyTo = plan.replyTo > 0 ? plan.replyTo : null;
      const sent = await link.send({ chatId: plan.chatId, text, replyTo, randomId: plan.randomId });
      noteSent(desk.memory, plan, { messageId: sent.messageId ?? 0, text, atMs: sent.sentAtMs });
    } finally {
      this.isSending = false;
    }
    desk.changed(true);
    const totalMs = performance.now() - this.#startedAt;
    return { end: 'sent', totalMs, ownMs: Math.max(0, totalMs - this.#waitedMs) };
  }

  /** What follows from a failure; null: try again. */
  #refused(failure: Failure | null, tries: number): ErrandEnd | null {
    const { memory, now, flooded } = this.#desk;
    const refusal = failure === null ? ({ refusal: 'unclear' } as const) : classifyRefusal(failure);
    switch (refusal.refusal) {
      case 'flood-wait':
        noteFloodWait(memory, now() + refusal.seconds * 1000);
        flooded(refusal.seconds);
        return suspended;
      case 'slow-mode':
        noteBlocked(memory, this.plan.chatId, 'slow-mode', now() + refusal.seconds * 1000);
        return suspended;
      case 'frozen':
        noteFloodWait(memory, now() + frozenMs);
        this.#desk.say(
          'error',
          `Telegram has frozen this account (${refusal.name}): its owner has to appeal in ` +
            'an official app; tried again in an hour',
        );
        return this.#silent(silence('frozen', this.plan.rule, now() + frozenMs));
      case 'forbidden':
        noteBlocked(memory, this.plan.chatId, 'write-forbidden', now() + forbiddenMs);
        this.#desk.say(
          'warn',
          `chat ${this.plan.chatId}: Telegram does not let the account write there ` +
            `(${refusal.name}); tried again in an hour`,
        );
        return this.#silent(silence('write-forbidden', this.plan.rule, now() + forbiddenMs));
      case 'rejected':
        this.#desk.say(
          'warn',
          `chat ${this.plan.chatId}: Telegram did not take an answer (${refusal.name})`,
        );
        return this.#silent(silence('send-failed', this.plan.rule));
      case 'final':
        return suspended;
      case 'unclear':
        if (this.#desk.link === null) return suspended;
        return tries < sendTries ? null : this.#silent(silence('send-failed', this.plan.rule));
    }
  }

  /**
   * Reads what was said behind the message. Colleagues whom Telegram has not named yet could be
   * anybody who replies: then nobody is answered twice.
   */
  async #isAnswered(link: TelegramLink): Promise<boolean> {
    const { plan } = this;
    const events = await link.readAfter(plan.chatId, plan.event.messageId, lookLimit);
    const areAllKnown =
      this.#desk.conduct.chats
        .get(plan.chatId)
        ?.policy.colleagues.every(({ userId }) => userId !== null) ?? true;
    this.#desk.heardMeanwhile(events);
    if (areAllKnown) return false;
    const strangers = events.filter(
      (event) =>
        event.kind === 'message' && event.sender !== null && event.sender.id !== plan.userId,
    );
    return strangers.some((event) => event.kind === 'message' && event.replyTo === plan.replyTo);
  }

  async #typeUntil(atMs: number): Promise<void> {
    const { now } = this.#desk;
    for (let leftMs = atMs - now(); leftMs > 0; leftMs = atMs - now()) {
      void this.#type();
      await this.#until(Math.min(atMs, now() + typingEveryMs));
    }
  }

  async #type(): Promise<void> {
    const { link } = this.#desk;
    if (!this.plan.isTyping || link === null) return;
    await link.typing(this.plan.chatId).catch(() => undefined);
  }

  /** By the wall clock; rejects when it is stopped. */
  async #until(atMs: number): Promise<void> {
    const { now } = this.#desk;
    for (let leftMs = atMs - now(); leftMs > 0; leftMs = atMs - now()) {
      await sleep(Math.min(leftMs, 60_000), undefined, { signal: this.#signal });
    }
  }
}
