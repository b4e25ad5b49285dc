import { prepare } from '../../hostside/answering/conduct.ts';
import { decide } from '../../hostside/answering/decide.ts';
import { emptyMemory, type Memory } from '../../hostside/answering/memory.ts';
import { modelRequest } from '../../hostside/answering/model-request.ts';
import { beforeSend, composeAnswer, noteSent } from '../../hostside/answering/sending.ts';
import type { AnswerPlan, Self, Verdict } from '../../hostside/answering/verdict.ts';
import { mentionedNames } from '../../hostside/answering/words.ts';
import type { Behaviour } from '../../hostside/protocol/behaviour.ts';
import type { ChatEvent, ChatMessage } from '../../hostside/protocol/chat.ts';
import type { SilenceReason } from '../../hostside/protocol/silence.ts';
import type { Transcript } from './transcript.ts';

/** An account that takes part in a replay. */
export interface Player {
  readonly self: Self;
  readonly behaviour: Behaviour;
}

/** What one account made of one event. */
export interface Outcome {
  readonly account: string;
  readonly rule: string | null;
  /** null: it answered. */
  readonly reason: SilenceReason | null;
  /** When the answer was sent, ms since the epoch; null: there was none. */
  readonly sentAtMs: number | null;
  readonly text: string | null;
  /** What the model would be asked. */
  readonly model: { readonly messages: number; readonly tokens: number } | null;
}

export interface ReplayedEvent {
  readonly event: ChatEvent;
  readonly outcomes: readonly Outcome[];
}

interface Seat extends Player {
  readonly memory: Memory;
  readonly conduct: ReturnType<typeof prepare>;
}

interface Errand {
  readonly seat: Seat;
  readonly plan: AnswerPlan;
  readonly outcomes: Outcome[];
}

const modelPlaceholder = 'the answer of the model';

const quiet = (seat: Seat, reason: SilenceReason, rule: string | null): Outcome => ({
  account: seat.behaviour.account,
  rule,
  reason,
  sentAtMs: null,
  text: null,
  model: null,
});

/** The event as this account sees it. `authors`: who wrote which message. */
const seenBy = (
  event: ChatEvent,
  { userId, username }: Self,
  authors: ReadonlyMap<number, string>,
): ChatEvent =>
  event.kind === 'joined'
    ? event
    : {
        ...event,
        isOwn: event.sender?.id === userId,
        isReplyToMe: event.replyTo !== null && authors.get(event.replyTo) === userId,
        isMention: username !== null && mentionedNames(event.text).includes(username.toLowerCase()),
      };

const hear = (
  seat: Seat,
  event: ChatEvent,
  authors: ReadonlyMap<number, string>,
  groupTitle: string | null,
): Verdict =>
  decide(seat.memory, seat.conduct, seenBy(event, seat.self, authors), {
    nowMs: event.sentAtMs,
    self: seat.self,
    groupTitle,
  });

/**
 * Replays a talk in virtual time: every account hears everything, also what the others say; answers
 * go out when they would. Pure, by the same decisions as on a host.
 */
export const replay = (
  transcript: Transcript,
  players: readonly Player[],
): readonly ReplayedEvent[] => {
  const seats = players.map(
    (player): Seat => ({ ...player, memory: emptyMemory(), conduct: prepare(player.behaviour) }),
  );
  const authors = new Map<number, string>();
  const errands: Errand[] = [];
  let lastId = 0;

  const send = ({ seat, plan, outcomes }: Errand): void => {
    const atMs = plan.notBeforeMs;
    const request = modelRequest(seat.memory, seat.conduct, plan);
    const against = beforeSend(seat.memory, seat.conduct, plan, atMs);
    const text =
      against === null ? composeAnswer(seat.memory, seat.conduct, plan, modelPlaceholder) : null;
    if (text === null) {
      outcomes.push(quiet(seat, against?.reason ?? 'model-failed', plan.rule));
      return;
    }
    lastId += 1;
    const said = answerMessage(seat, plan, lastId, text, atMs);
    noteSent(seat.memory, plan, { messageId: lastId, text, atMs });
    authors.set(lastId, seat.self.userId);
    for (const other of seats) if (other !== seat) follow(other, said, []);
    const model =
      request === null ? null : { messages: request.messages.length, tokens: request.tokens };
    outcomes.push({
      account: seat.behaviour.account,
      rule: plan.rule ?? plan.cause,
      reason: null,
      sentAtMs: atMs,
      text,
      model,
    });
  };

  const follow = (seat: Seat, event: ChatEvent, outcomes: Outcome[]): void => {
    const verdict = hear(seat, event, authors, transcript.groupTitle);
    if (verdict.kind === 'silence') outcomes.push(quiet(seat, verdict.reason, verdict.rule));
    else errands.push({ seat, plan: verdict, outcomes });
  };

  const sendUntil = (nowMs: number): void => {
    for (;;) {
      errands.sort((left, right) => left.plan.notBeforeMs - right.plan.notBeforeMs);
      const next = errands[0];
      if (next === undefined || next.plan.notBeforeMs > nowMs) return;
      errands.shift();
      send(next);
    }
  };

  const results = transcript.events.map((event) => {
    sendUntil(event.sentAtMs);
    lastId = Math.max(lastId, event.messageId);
    if (event.kind === 'message' && event.sender !== null && !event.isEdit)
      authors.set(event.messageId, event.sender.id);
    const outcomes: Outcome[] = [];
    for (const seat of seats) follow(seat, event, outcomes);
    return { event, outcomes };
  });
  sendUntil(Number.POSITIVE_INFINITY);
  return results;
};

const answerMessage = (
  { self }: Seat,
  plan: AnswerPlan,
  messageId: number,
  text: string,
  atMs: number,
): ChatMessage => ({
  kind: 'message',
  chatId: plan.chatId,
  messageId,
  sender: {
    id: self.userId,
    isBot: false,
    firstName: self.firstName,
    username: self.username,
    language: null,
  },
  sentAtMs: Math.floor(atMs / 1_000) * 1_000,
  text,
  replyTo: plan.replyTo,
  isReplyToMe: false,
  isMention: false,
  hasMedia: false,
  isOwn: false,
  isEdit: false,
});
