import type { Rule, Script } from '../protocol/behaviour.ts';
import type { ChatUser } from '../protocol/chat.ts';
import type { SilenceReason } from '../protocol/silence.ts';
import type { Conduct, Heard, ReadyChat } from './conduct.ts';
import { draw } from './hash.ts';
import { countInHour, type HourWindow, hourFreeAtMs } from './hour-window.ts';
import { type ChatMemory, type Memory, talkKey } from './memory.ts';
import type { Silence } from './verdict.ts';
import { hasWord, wishIn } from './words.ts';

/** What the checks look at: one event in one allowed chat. */
export interface Scene {
  readonly memory: Memory;
  readonly conduct: Conduct;
  readonly chat: ReadyChat;
  readonly chatMemory: ChatMemory;
  readonly heard: Heard;
  readonly script: Script;
  /** The people to answer: the sender, or those who joined. Never empty after `checkSender`. */
  people: readonly ChatUser[];
  readonly identity: string;
  readonly nowMs: number;
  readonly staleAtMs: number;
}

export const silence = (
  reason: SilenceReason,
  rule: string | null = null,
  untilMs: number | null = null,
): Silence => ({
  kind: 'silence',
  reason,
  rule,
  untilMs,
});

export const checkPaused = ({ conduct }: Scene): Silence | null =>
  conduct.behaviour.isPaused ? silence('paused') : null;

export const checkStale = ({ nowMs, staleAtMs }: Scene): Silence | null =>
  nowMs > staleAtMs ? silence('stale') : null;

/** Why `person` is never answered, whatever they say. */
const refusedPerson = (
  { conduct, chat, script, heard }: Scene,
  { id, isBot }: ChatUser,
): SilenceReason | null => {
  if (id === heard.self.userId) return 'own';
  if (!script.answersFleet && (conduct.fleetIds.has(id) || chat.colleagueIds.has(id)))
    return 'colleague';
  return isBot && !script.answersBots ? 'bot' : null;
};

/**
 * Loops: no answers to itself, to accounts of the fleet, to bots. Of several who joined the others
 * remain.
 */
export const checkSender = (scene: Scene): Silence | null => {
  const first = scene.people[0];
  if (first === undefined) return silence('anonymous');
  const reason = refusedPerson(scene, first);
  scene.people = scene.people.filter((person) => refusedPerson(scene, person) === null);
  return scene.people.length === 0 ? silence(reason ?? 'bot') : null;
};

export const checkEmpty = ({ heard }: Scene): Silence | null =>
  heard.event.kind === 'message' && heard.text === '' ? silence('empty') : null;

export const checkOptedOut = (scene: Scene): Silence | null => {
  const { optOuts } = scene.memory;
  scene.people = scene.people.filter(({ id }) => !optOuts.has(id));
  return scene.people.length === 0 ? silence('opted-out') : null;
};

export const checkHandedOver = ({ memory, heard, people, nowMs }: Scene): Silence | null => {
  const untilMs = memory.handovers.get(talkKey(heard.event.chatId, people[0]?.id ?? '')) ?? 0;
  return untilMs > nowMs ? silence('handed-over', null, untilMs) : null;
};

/** The first rule that fits and whose conditions hold; otherwise how near the nearest came. */
export const chooseRule = ({ conduct, heard, people, identity }: Scene): Rule | Silence => {
  let near = silence('no-rule');
  for (const { rule, fits, allows } of conduct.rules) {
    if (!fits(heard)) continue;
    if (!allows(heard.event.chatId, people[0] ?? null)) {
      if (near.reason === 'no-rule') near = silence('condition', rule.name);
    } else if (draw(`${identity} ${rule.name}`) >= rule.conditions.probability)
      near = silence('probability', rule.name);
    else return rule.answer.kind === 'none' ? silence('silent-rule', rule.name) : rule;
  }
  return near;
};

export const checkHours = ({ conduct, nowMs }: Scene, rule: string | null): Silence | null => {
  const state = conduct.openAt(nowMs);
  return state === 'open' ? null : silence(state, rule);
};

const reached = (
  reason: SilenceReason,
  window: HourWindow,
  limit: number | null,
  nowMs: number,
  rule: string | null,
): Silence | null =>
  limit !== null && countInHour(window, nowMs) >= limit
    ? silence(reason, rule, hourFreeAtMs(window))
    : null;

/** Whom and where an answer would go. */
export interface Target {
  readonly chatId: string;
  readonly userId: string;
  readonly rule: string | null;
}

/**
 * Everything that the account may say in an hour, all answers, answers in the chat and answers to
 * the person, in this order.
 */
export const checkLimits = (
  memory: Memory,
  { behaviour: { limits } }: Conduct,
  target: Target,
  nowMs: number,
): Silence | null =>
  reached('ceiling', memory.said, limits.ceiling, nowMs, target.rule) ??
  reached('limit-account', memory.said, limits.perAccount, nowMs, target.rule) ??
  reached(
    'limit-chat',
    memory.chats.get(target.chatId)?.said ?? [],
    limits.perChat,
    nowMs,
    target.rule,
  ) ??
  reached(
    'limit-user',
    memory.people.get(target.userId)?.said ?? [],
    limits.perUser,
    nowMs,
    target.rule,
  );

/** What Telegram forbids for now. Null when sending is possible at `atMs`. */
export const checkForbidden = (
  memory: Memory,
  chatMemory: ChatMemory | undefined,
  atMs: number,
  rule: string | null,
): Silence | null => {
  if (memory.floodUntilMs > atMs) return silence('flood', rule, memory.floodUntilMs);
  if (chatMemory === undefined || chatMemory.blockedUntilMs <= atMs) return null;
  return silence(chatMemory.blockedBy, rule, chatMemory.blockedUntilMs);
};

/** What a message asks for besides an answer. */
export type Wish = 'opt-out' | 'back' | 'handover' | null;

const talkMs = 3_600_000;

/**
 * Whether the sender means the accounts of the fleet: mentions or replies to one, or was answered
 * by one within the hour.
 */
export const isMeant = ({ memory, heard, chat, chatMemory, people, nowMs }: Scene): boolean => {
  const { event, isAddressed, mentions } = heard;
  if (isAddressed || mentions.some((name) => chat.sharing.colleagueNames.has(name))) return true;
  if (
    nowMs -
      (memory.talks.get(talkKey(event.chatId, people[0]?.id ?? '')) ?? Number.NEGATIVE_INFINITY) <=
    talkMs
  )
    return true;
  if (event.kind !== 'message' || event.replyTo === null) return false;
  const author = chatMemory.context.findLast(({ id }) => id === event.replyTo)?.userId ?? '';
  return chat.colleagueIds.has(author);
};

/**
 * A wish is a message that is nothing but an opt-out word, or one that means the account and has a
 * hand-over word in it.
 */
export const wishOf = (scene: Scene): Wish => {
  const { conduct, heard, memory, people } = scene;
  if (heard.event.kind !== 'message') return null;
  const wish = wishIn(heard.event.text);
  if (conduct.optOutWords.has(wish)) return 'opt-out';
  if (conduct.backWords.has(wish) && memory.optOuts.has(people[0]?.id ?? '')) return 'back';
  return conduct.handoverWords.some((word) => hasWord(heard.text, word)) && isMeant(scene)
    ? 'handover'
    : null;
};
