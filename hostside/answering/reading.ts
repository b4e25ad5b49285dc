import type { ChatEvent, ChatMessage } from '../protocol/chat.ts';
import type { SilenceReason } from '../protocol/silence.ts';
import { cutText, safeName } from './compose.ts';
import type { Conduct } from './conduct.ts';
import {
  append,
  type ChatMemory,
  chatMemory,
  type Memory,
  memoryBounds,
  remember,
  talkKey,
} from './memory.ts';
import type { Self } from './verdict.ts';

/**
 * Notes an id as read; false when it was read before. Ids that fall out of the list raise the
 * floor: they stay read.
 */
export const noteRead = (chat: ChatMemory, messageId: number): boolean => {
  if (messageId <= chat.seenFloor || chat.seen.includes(messageId)) return false;
  chat.seen.push(messageId);
  if (chat.seen.length > memoryBounds.seen)
    chat.seenFloor = Math.max(chat.seenFloor, ...chat.seen.splice(0, memoryBounds.seen / 6));
  chat.lastReadId = Math.max(chat.lastReadId, messageId);
  return true;
};

const noteContext = (chat: ChatMemory, message: ChatMessage, isOwn: boolean): void => {
  if (message.text === '') return;
  const line = {
    id: message.messageId,
    name: isOwn ? '' : safeName(message.sender?.firstName ?? '') || 'somebody',
    userId: message.sender?.id ?? null,
    text: cutText(message.text, memoryBounds.contextCharacters),
  };
  append(chat.context, line, memoryBounds.context);
};

const noteEdit = (chat: ChatMemory, message: ChatMessage): void => {
  const at = chat.context.findIndex(({ id }) => id === message.messageId);
  const line = chat.context[at];
  if (line !== undefined)
    chat.context[at] = { ...line, text: cutText(message.text, memoryBounds.contextCharacters) };
};

/** An account of the fleet has answered: its message replies to another one. */
const noteAnswered = (
  memory: Memory,
  chat: ChatMemory,
  message: ChatMessage,
  atMs: number,
): void => {
  if (message.replyTo === null) return;
  if (!chat.answered.includes(message.replyTo))
    append(chat.answered, message.replyTo, memoryBounds.answered);
  const asker = chat.context.findLast(({ id }) => id === message.replyTo)?.userId ?? null;
  if (asker !== null)
    remember(memory.talks, talkKey(message.chatId, asker), atMs, memoryBounds.talks);
};

const isBySelf = (event: ChatMessage, self: Self): boolean =>
  event.isOwn || event.sender?.id === self.userId;

/**
 * Takes an event of an allowed chat into memory: read ids, context, what colleagues have answered.
 * Returns why it needs no answer, or null.
 */
export const readEvent = (
  memory: Memory,
  conduct: Conduct,
  event: ChatEvent,
  self: Self,
): SilenceReason | null => {
  const chat = chatMemory(memory, event.chatId);
  if (event.kind === 'message' && event.isEdit) {
    noteEdit(chat, event);
    return 'edited';
  }
  if (!noteRead(chat, event.messageId)) return 'duplicate';
  if (event.kind === 'joined') return null;
  const isOwn = isBySelf(event, self);
  const isColleague =
    conduct.chats.get(event.chatId)?.colleagueIds.has(event.sender?.id ?? '') === true;
  if (isOwn || isColleague) noteAnswered(memory, chat, event, event.sentAtMs);
  noteContext(chat, event, isOwn);
  return isOwn ? 'own' : null;
};
