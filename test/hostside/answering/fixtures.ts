import { type Conduct, prepare } from '../../../hostside/answering/conduct.ts';
import { decide } from '../../../hostside/answering/decide.ts';
import { emptyMemory, type Memory } from '../../../hostside/answering/memory.ts';
import type { AnswerPlan, Moment, Self, Verdict } from '../../../hostside/answering/verdict.ts';
import type {
  Behaviour,
  ChatPolicy,
  Colleague,
  Rule,
  Script,
} from '../../../hostside/protocol/behaviour.ts';
import type {
  ChatEvent,
  ChatJoin,
  ChatMessage,
  ChatUser,
} from '../../../hostside/protocol/chat.ts';

/** A Wednesday, 12:00:00 UTC. */
export const noon = Date.UTC(2026, 10, 25, 12);
export const chatId = '-1001234567890';

export const user = (id: string, fields: Partial<ChatUser> = {}): ChatUser => ({
  id,
  isBot: false,
  firstName: `User ${id}`,
  username: null,
  language: 'en',
  ...fields,
});

export const message = (
  messageId: number,
  text: string,
  fields: Partial<ChatMessage> = {},
): ChatMessage => ({
  kind: 'message',
  chatId,
  messageId,
  sender: user('500'),
  sentAtMs: noon,
  text,
  replyTo: null,
  isReplyToMe: false,
  isMention: false,
  hasMedia: false,
  isOwn: false,
  isEdit: false,
  ...fields,
});

export const join = (messageId: number, users: readonly ChatUser[]): ChatJoin => ({
  kind: 'joined',
  chatId,
  messageId,
  users,
  sentAtMs: noon,
});

export const self: Self = {
  keyId: 'a'.repeat(32),
  userId: '100',
  username: 'anna_helps',
  firstName: 'Anna',
};
export const moment = (fields: Partial<Moment> = {}): Moment => ({
  nowMs: noon,
  self,
  groupTitle: 'Garden',
  ...fields,
});

export const rule = (name: string, trigger: Rule['trigger'], fields: Partial<Rule> = {}): Rule => ({
  name,
  trigger,
  conditions: { chats: [], senders: [], languages: [], probability: 1 },
  answer: { kind: 'text', texts: [`answer of ${name}`] },
  ...fields,
});

export const script = (fields: Partial<Script> = {}): Script => ({
  name: 'test',
  rules: [rule('hello', { kind: 'keyword', words: ['hello'] })],
  hours: null,
  delay: { leastMs: 0, mostMs: 0, isTyping: false },
  optOut: { words: ['stop'], backWords: ['start'], answer: 'You will not hear from me.' },
  disclosure: null,
  handover: { words: ['human'], answer: 'A person will answer you.', silentMs: 3_600_000 },
  answersBots: false,
  answersFleet: false,
  staleAfterMs: 300_000,
  ...fields,
});

export const colleague = (index: number): Colleague => ({
  keyId: `${index}`.repeat(32),
  userId: `20${index}`,
  username: `colleague_${index}`,
});

/** This account among `others`. */
export const sharedChat = (others: number): ChatPolicy => ({
  id: chatId,
  name: null,
  slotMs: 20_000,
  colleagues: [
    { keyId: self.keyId, userId: self.userId, username: self.username },
    ...Array.from({ length: others }, (_, index) => colleague(index + 1)),
  ],
});

export const behaviour = (fields: Partial<Behaviour> = {}): Behaviour => ({
  format: 1,
  account: 'anna',
  isPaused: false,
  chats: [sharedChat(0)],
  fleetUserIds: ['100', '201', '202', '999'],
  script: script(),
  model: null,
  limits: { perAccount: 60, perChat: 40, perUser: 10, ceiling: 120 },
  ...fields,
});

export const conductOf = (fields: Partial<Behaviour> = {}): Conduct => prepare(behaviour(fields));

/** `answer: text`, `answer by model`, or the reason of the silence. */
export const short = (verdict: Verdict): string => {
  if (verdict.kind === 'silence') return verdict.reason;
  return verdict.say.kind === 'text' ? `answer: ${verdict.say.text}` : 'answer by model';
};

export const once = (
  event: ChatEvent,
  fields: Partial<Behaviour> = {},
  at: Partial<Moment> = {},
  memory: Memory = emptyMemory(),
): Verdict => decide(memory, conductOf(fields), event, moment(at));

export const plan = (verdict: Verdict): AnswerPlan => {
  if (verdict.kind !== 'answer') throw new Error(`silent: ${verdict.reason}`);
  return verdict;
};
