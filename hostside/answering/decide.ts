import type { Rule } from '../protocol/behaviour.ts';
import type { ChatEvent } from '../protocol/chat.ts';
import {
  checkEmpty,
  checkForbidden,
  checkHandedOver,
  checkHours,
  checkLimits,
  checkOptedOut,
  checkPaused,
  checkSender,
  checkStale,
  chooseRule,
  isMeant,
  type Scene,
  silence,
  wishOf,
} from './checks.ts';
import {
  fillTemplate,
  greetedNames,
  safeName,
  type TemplateValues,
  withoutMassMentions,
} from './compose.ts';
import { type Conduct, hear, type ReadyChat } from './conduct.ts';
import { draw, identityOf, randomIdOf } from './hash.ts';
import {
  chatMemory,
  type Memory,
  memoryBounds,
  type PendingAnswer,
  remember,
  talkKey,
} from './memory.ts';
import { readEvent } from './reading.ts';
import { nextWindow } from './slots.ts';
import type { AnswerPlan, Moment, Silence, Verdict } from './verdict.ts';

/** What is to be said, before it is known when. */
interface Saying {
  readonly cause: AnswerPlan['cause'];
  readonly rule: string | null;
  readonly say: AnswerPlan['say'];
}

const allowedChat = (conduct: Conduct, chatId: string): ReadyChat | Silence => {
  if (!chatId.startsWith('-')) return silence('private');
  return conduct.chats.get(chatId) ?? silence('not-allowed-chat');
};

const sceneOf = (
  memory: Memory,
  conduct: Conduct,
  chat: ReadyChat,
  event: ChatEvent,
  { nowMs, self }: Moment,
): Scene | null => {
  const { script } = conduct.behaviour;
  if (script === null) return null;
  return {
    memory,
    conduct,
    chat,
    chatMemory: chatMemory(memory, event.chatId),
    heard: hear(event, self),
    script,
    people: event.kind === 'joined' ? event.users : event.sender === null ? [] : [event.sender],
    identity: identityOf(event),
    nowMs,
    staleAtMs: event.sentAtMs + script.staleAfterMs,
  };
};

const variablesOf = (scene: Scene, { nowMs, self, groupTitle }: Moment): TemplateValues => {
  const name = greetedNames(scene.people);
  return {
    first_name: name,
    username: safeName(scene.people[0]?.username ?? '') || name,
    group: safeName(groupTitle ?? scene.chat.policy.name ?? ''),
    time: scene.conduct.clock(nowMs),
    account: safeName(self.firstName) || scene.conduct.behaviour.account,
  };
};

const sayingOf = (scene: Scene, rule: Rule, { nowMs, self, groupTitle }: Moment): Saying => {
  const { answer } = rule;
  if (answer.kind === 'model')
    return {
      cause: 'rule',
      rule: rule.name,
      say: { kind: 'model', instructions: answer.instructions },
    };
  const texts = answer.kind === 'text' ? answer.texts : [];
  const text = texts[(scene.memory.turns.get(rule.name) ?? 0) % Math.max(1, texts.length)] ?? '';
  const filled = text.includes('{{')
    ? fillTemplate(text, variablesOf(scene, { nowMs, self, groupTitle }))
    : text;
  return {
    cause: 'rule',
    rule: rule.name,
    say: { kind: 'text', text: withoutMassMentions(filled) },
  };
};

/** Finds the time for an answer and writes it down as pending, or says why there is none. */
const planned = (scene: Scene, { cause, rule, say }: Saying): Verdict => {
  const { memory, conduct, heard, identity, nowMs, staleAtMs, script } = scene;
  const { event, self } = heard;
  const userId = scene.people[0]?.id ?? '';
  const limited = checkLimits(memory, conduct, { chatId: event.chatId, userId, rule }, nowMs);
  if (limited !== null) return limited;
  const { leastMs, mostMs, isTyping } = script.delay;
  const delayMs = Math.round(leastMs + draw(`${self.keyId} ${identity}`) * (mostMs - leastMs));
  const needMs = Math.max(
    delayMs,
    say.kind === 'model' ? (conduct.behaviour.model?.timeoutMs ?? 0) : 0,
  );
  const possibleAtMs = Math.max(nowMs, memory.floodUntilMs, scene.chatMemory.blockedUntilMs);
  const forbidden = checkForbidden(memory, scene.chatMemory, nowMs, rule);
  if (forbidden?.reason === 'write-forbidden') return forbidden;
  const window = nextWindow(heard, scene.chat, identity, {
    sentAtMs: event.sentAtMs,
    nowMs: possibleAtMs,
    needMs,
    staleAtMs,
  });
  if (window === null)
    return forbidden ?? silence(scene.chat.sharing.keyIds.length > 1 ? 'slot-over' : 'stale', rule);
  const randomId = randomIdOf(self.keyId, identity, rule ?? cause);
  const isCounted = memory.pending.get(randomId)?.isCounted === true;
  remember(memory.pending, randomId, { event, cause, isCounted }, memoryBounds.pending);
  return {
    kind: 'answer',
    cause,
    rule,
    event,
    chatId: event.chatId,
    userId,
    replyTo: event.messageId,
    randomId,
    say,
    startAtMs: window.fromMs,
    notBeforeMs: window.fromMs + delayMs,
    notAfterMs: window.toMs,
    isTyping,
    slot: window.slot,
    needsLook: window.slot !== null && window.slot.position + window.slot.round > 0,
  };
};

/**
 * Opt-outs and hand-overs count at once, whether or not they are confirmed. Returns what there is
 * to say about them; null: the message asks for nothing of the kind.
 */
const heedWish = (scene: Scene): Saying | Silence | null => {
  const { memory, script, heard, people, nowMs } = scene;
  const wish = wishOf(scene);
  const userId = people[0]?.id ?? '';
  if (wish === 'back') memory.optOuts.delete(userId);
  if (wish === 'opt-out') {
    const isNew = !memory.optOuts.has(userId);
    remember(memory.optOuts, userId, nowMs, memoryBounds.optOuts);
    const { answer } = script.optOut;
    return answer !== null && isNew && isMeant(scene)
      ? { cause: 'opt-out', rule: null, say: { kind: 'text', text: answer } }
      : silence('opt-out-now');
  }
  if (wish !== 'handover' || script.handover === null || memory.optOuts.has(userId)) return null;
  if (checkHandedOver(scene) !== null || checkHours(scene, null) !== null) return null;
  remember(
    memory.handovers,
    talkKey(heard.event.chatId, userId),
    nowMs + script.handover.silentMs,
    memoryBounds.handovers,
  );
  return { cause: 'handover', rule: null, say: { kind: 'text', text: script.handover.answer } };
};

const judge = (scene: Scene, moment: Moment): Verdict => {
  const refused = checkSender(scene) ?? checkEmpty(scene);
  if (refused !== null) return refused;
  const wish = heedWish(scene);
  const late = checkPaused(scene) ?? checkStale(scene);
  if (late !== null) return late;
  if (wish !== null) return 'kind' in wish ? wish : planned(scene, wish);
  const closed = checkOptedOut(scene) ?? checkHandedOver(scene);
  if (closed !== null) return closed;
  const rule = chooseRule(scene);
  if ('kind' in rule) return rule;
  return checkHours(scene, rule.name) ?? planned(scene, sayingOf(scene, rule, moment));
};

/**
 * What the account does about `event`: an answer with the window of time for it, or silence with
 * exactly one reason. Takes the event into `memory`, which is changed in
 * place. Safe to call with any event in any order: what was read before is a `duplicate`. The same
 * arguments give the same verdict: there is no clock, chance or I/O in it.
 */
export const decide = (
  memory: Memory,
  conduct: Conduct,
  event: ChatEvent,
  moment: Moment,
): Verdict => {
  const chat = allowedChat(conduct, event.chatId);
  if ('kind' in chat) return chat;
  const read = readEvent(memory, conduct, event, moment.self);
  if (read !== null) return silence(read);
  const scene = sceneOf(memory, conduct, chat, event, moment);
  return scene === null
    ? silence(conduct.behaviour.isPaused ? 'paused' : 'no-script')
    : judge(scene, moment);
};

const judgeAgain = (
  memory: Memory,
  conduct: Conduct,
  { event, cause }: PendingAnswer,
  moment: Moment,
): Verdict => {
  const chat = allowedChat(conduct, event.chatId);
  if ('kind' in chat) return chat;
  const scene = sceneOf(memory, conduct, chat, event, moment);
  if (scene === null) return silence('no-script');
  if (cause === 'rule') return judge(scene, moment);
  const text = cause === 'opt-out' ? scene.script.optOut.answer : scene.script.handover?.answer;
  return (
    checkPaused(scene) ??
    checkStale(scene) ??
    planned(scene, { cause, rule: null, say: { kind: 'text', text: text ?? '' } })
  );
};

/**
 * Decides the answers again that were pending when the account stopped (a crash, a move). Each is
 * sent at most once: it keeps its random id, and counts once.
 */
export const resumePending = (
  memory: Memory,
  conduct: Conduct,
  momentIn: (chatId: string) => Moment,
): readonly Verdict[] =>
  [...memory.pending].map(([randomId, pending]) => {
    const verdict = judgeAgain(memory, conduct, pending, momentIn(pending.event.chatId));
    if (verdict.kind === 'silence' || verdict.randomId !== randomId)
      memory.pending.delete(randomId);
    return verdict;
  });
