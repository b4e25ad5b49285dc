import type { SilenceReason } from '../protocol/silence.ts';
import { checkForbidden, checkLimits, silence } from './checks.ts';
import { cutText, withDisclosure } from './compose.ts';
import type { Conduct } from './conduct.ts';
import { addToHour } from './hour-window.ts';
import {
  append,
  chatMemory,
  type Memory,
  memoryBounds,
  personMemory,
  remember,
  talkKey,
} from './memory.ts';
import { cleanModelText } from './model-request.ts';
import { noteRead } from './reading.ts';
import type { AnswerPlan, Silence } from './verdict.ts';

/**
 * The words that are sent for `plan`; `modelText` is the model's answer or the fallback, null where
 * the plan has its own text. Null: nothing is left to say.
 */
export const composeAnswer = (
  memory: Memory,
  conduct: Conduct,
  plan: AnswerPlan,
  modelText: string | null,
): string | null => {
  const answer = conduct.rules.find(({ rule }) => rule.name === plan.rule)?.rule.answer;
  const allowsLinks = answer?.kind === 'model' && answer.allowsLinks;
  const text =
    plan.say.kind === 'text' ? plan.say.text : cleanModelText(modelText ?? '', allowsLinks);
  if (text === null || text === '') return null;
  const isFirst = plan.cause === 'rule' && !personMemory(memory, plan.userId).isMet;
  return withDisclosure(text, isFirst ? (conduct.behaviour.script?.disclosure ?? null) : null);
};

/** Why `plan` must not be sent any more, in the order of `decide`. */
const reasonAgainst = (
  memory: Memory,
  conduct: Conduct,
  plan: AnswerPlan,
  nowMs: number,
): Silence | null => {
  const { chatId, userId, rule, cause } = plan;
  const against = (reason: SilenceReason): Silence => silence(reason, rule);
  if (conduct.behaviour.isPaused) return against('paused');
  if (!conduct.chats.has(chatId)) return against('not-allowed-chat');
  if (memory.chats.get(chatId)?.answered.includes(plan.replyTo))
    return against('colleague-answered');
  if (cause !== 'opt-out' && memory.optOuts.has(userId)) return against('opted-out');
  if (cause === 'rule' && (memory.handovers.get(talkKey(chatId, userId)) ?? 0) > nowMs)
    return against('handed-over');
  // In a shared chat too early is as bad as too late: it is somebody else's slot.
  if (plan.slot !== null && nowMs < plan.notBeforeMs) return against('slot-over');
  if (nowMs > plan.notAfterMs) return against(plan.slot === null ? 'stale' : 'slot-over');
  return checkForbidden(memory, memory.chats.get(chatId), nowMs, rule);
};

/**
 * The last question before an answer goes out, to be asked right before it and once per attempt:
 * null means go, and the answer is counted in all limits, once for its random
 * id however often it is repeated. It stays counted when sending fails, because it may have
 * arrived. A silence ends the plan.
 */
export const beforeSend = (
  memory: Memory,
  conduct: Conduct,
  plan: AnswerPlan,
  nowMs: number,
): Silence | null => {
  const pending = memory.pending.get(plan.randomId);
  const isCounted = pending?.isCounted === true;
  const against =
    reasonAgainst(memory, conduct, plan, nowMs) ??
    (isCounted ? null : checkLimits(memory, conduct, plan, nowMs));
  if (against !== null) {
    memory.pending.delete(plan.randomId);
    return against;
  }
  if (pending !== undefined) pending.isCounted = true;
  else
    remember(
      memory.pending,
      plan.randomId,
      { event: plan.event, cause: plan.cause, isCounted: true },
      memoryBounds.pending,
    );
  if (isCounted) return null;
  addToHour(memory.said, nowMs);
  addToHour(chatMemory(memory, plan.chatId).said, nowMs);
  const person = personMemory(memory, plan.userId);
  addToHour(person.said, nowMs);
  remember(memory.people, plan.userId, person, memoryBounds.people);
  return null;
};

/**
 * The answer arrived: `text` as message `messageId`; null: Telegram knew the random id already, so
 * it had arrived before.
 */
export const noteSent = (
  memory: Memory,
  plan: AnswerPlan,
  {
    messageId,
    text,
    atMs,
  }: { readonly messageId: number | null; readonly text: string; readonly atMs: number },
): void => {
  memory.pending.delete(plan.randomId);
  const chat = chatMemory(memory, plan.chatId);
  if (messageId !== null && noteRead(chat, messageId))
    append(
      chat.context,
      {
        id: messageId,
        name: '',
        userId: null,
        text: cutText(text, memoryBounds.contextCharacters),
      },
      memoryBounds.context,
    );
  if (!chat.answered.includes(plan.replyTo))
    append(chat.answered, plan.replyTo, memoryBounds.answered);
  remember(memory.talks, talkKey(plan.chatId, plan.userId), atMs, memoryBounds.talks);
  if (plan.cause !== 'rule') return;
  remember(
    memory.people,
    plan.userId,
    { ...personMemory(memory, plan.userId), isMet: true },
    memoryBounds.people,
  );
  if (plan.rule !== null)
    remember(memory.turns, plan.rule, (memory.turns.get(plan.rule) ?? 0) + 1, memoryBounds.turns);
};

/** The plan is over without an answer: the model failed, the queue was full, Telegram refused. */
export const giveUp = (memory: Memory, plan: AnswerPlan): void => {
  memory.pending.delete(plan.randomId);
};

/** Telegram asked for a pause: nothing is sent before `untilMs`. */
export const noteFloodWait = (memory: Memory, untilMs: number): void => {
  memory.floodUntilMs = Math.max(memory.floodUntilMs, untilMs);
};

/** Telegram takes nothing in this chat before `untilMs`. */
export const noteBlocked = (
  memory: Memory,
  chatId: string,
  reason: 'slow-mode' | 'write-forbidden',
  untilMs: number,
): void => {
  const chat = chatMemory(memory, chatId);
  chat.blockedUntilMs = untilMs;
  chat.blockedBy = reason;
};
