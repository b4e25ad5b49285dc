import { Api } from 'telegram/tl/index.js';
import type { ChatEvent, ChatJoin, ChatMessage, ChatUser } from '../../protocol/chat.ts';

/** What has to be known to understand a message. */
export interface Reader {
  readonly self: Api.User | null;
  /** By user id. Undefined: Telegram has not described this user. */
  user(userId: string): ChatUser | undefined;
  isOwnMessage(chatId: string, messageId: number): boolean;
}

/** First marked id of a supergroup, without its sign. */
const supergroupBase = 1_000_000_000_000n;

/** What Telegram left out: the library's types say undefined, its reader says null. */
export const isAbsent = (value: unknown): value is null | undefined =>
  value === undefined || value === null;

/** An id as marked text, see protocol/chat.ts. */
export const markedIdOf = (peer: Api.TypePeer): string => {
  if (peer instanceof Api.PeerUser) return peer.userId.toString();
  return peer instanceof Api.PeerChat
    ? `-${peer.chatId.toString()}`
    : markedChannelId(peer.channelId);
};

export const markedChannelId = (channelId: { toString(): string }): string =>
  `-${supergroupBase + BigInt(channelId.toString())}`;

/** The part of a marked id that Telegram calls by that name; null for garbage. */
export const unmarkedId = (
  chatId: string,
): { readonly kind: 'user' | 'group' | 'supergroup'; readonly id: bigint } | null => {
  if (!/^-?[1-9]\d{0,17}$/.test(chatId)) return null;
  const id = BigInt(chatId);
  if (id > 0n) return { kind: 'user', id };
  return -id > supergroupBase
    ? { kind: 'supergroup', id: -id - supergroupBase }
    : { kind: 'group', id: -id };
};

export const chatUserOf = (user: Api.User): ChatUser => ({
  id: user.id.toString(),
  isBot: user.bot === true,
  firstName: user.firstName ?? '',
  username: user.username ?? user.usernames?.find(({ active }) => active)?.username ?? null,
  language: user.langCode ?? null,
});

/**
 * Null: nothing that anybody wants to hear of. `unknown`: somebody takes part whom Telegram has not
 * described.
 */
export const readMessage = (
  message: Api.TypeMessage,
  reader: Reader,
  isEdit: boolean,
): ChatEvent | null | 'unknown' => {
  if (message instanceof Api.Message)
    return message.post ? null : readText(message, reader, isEdit);
  return message instanceof Api.MessageService && !isEdit ? readJoin(message, reader) : null;
};

const readText = (
  message: Api.Message,
  reader: Reader,
  isEdit: boolean,
): ChatMessage | 'unknown' => {
  const chatId = markedIdOf(message.peerId);
  const senderId = senderIdOf(message, reader.self);
  const sender = senderId === null ? null : reader.user(senderId);
  if (sender === undefined) return 'unknown';
  const replyTo = replyToOf(message.replyTo);
  const isNamed = reader.self !== null && namesUser(message, reader.self);
  const isMentioned = message.mentioned === true;
  return {
    kind: 'message',
    ...{
      chatId,
      messageId: message.id,
      sender,
      sentAtMs: message.date * 1000,
      text: message.message,
      replyTo,
    },
    // Telegram marks replies to us as mentions. So what is marked, replies and does not name us
    // replies to us, even when
    // the message replied to is none that we remember.
    isReplyToMe:
      replyTo !== null && (reader.isOwnMessage(chatId, replyTo) || (isMentioned && !isNamed)),
    isMention: isNamed || (isMentioned && replyTo === null),
    hasMedia: hasMedia(message.media),
    isOwn: message.out === true,
    isEdit,
  };
};

const readJoin = (message: Api.MessageService, reader: Reader): ChatJoin | null | 'unknown' => {
  const joined = joinedIds(message);
  if (joined === null) return null;
  const users = joined.map((id) => reader.user(id));
  const known = users.filter((user) => user !== undefined);
  if (known.length < users.length) return 'unknown';
  return {
    kind: 'joined',
    ...{
      chatId: markedIdOf(message.peerId),
      messageId: message.id,
      users: known,
      sentAtMs: message.date * 1000,
    },
  };
};

const joinedIds = ({ action, fromId }: Api.MessageService): string[] | null => {
  if (action instanceof Api.MessageActionChatAddUser) return action.users.map(String);
  const isOwnJoin =
    action instanceof Api.MessageActionChatJoinedByLink ||
    action instanceof Api.MessageActionChatJoinedByRequest;
  return isOwnJoin && fromId instanceof Api.PeerUser ? [fromId.userId.toString()] : null;
};

/** Null: a group speaks. Private messages name nobody: it is the other one, or we. */
const senderIdOf = ({ fromId, peerId, out }: Api.Message, self: Api.User | null): string | null => {
  if (fromId instanceof Api.PeerUser) return fromId.userId.toString();
  if (!isAbsent(fromId) || !(peerId instanceof Api.PeerUser)) return null;
  return out && self !== null ? self.id.toString() : peerId.userId.toString();
};

/**
 * A message of a forum's topic names the topic there, unless it replies to something in it; other
 * chats have their own ids.
 */
const replyToOf = (header: Api.TypeMessageReplyHeader | undefined): number | null => {
  if (!(header instanceof Api.MessageReplyHeader) || !isAbsent(header.replyToPeerId)) return null;
  return header.forumTopic && isAbsent(header.replyToTopId) ? null : (header.replyToMsgId ?? null);
};

const namesUser = ({ entities, message }: Api.Message, self: Api.User): boolean =>
  entities?.some((entity) => {
    if (entity instanceof Api.MessageEntityMentionName) return entity.userId.equals(self.id);
    if (!(entity instanceof Api.MessageEntityMention)) return false;
    const name = message.slice(entity.offset + 1, entity.offset + entity.length).toLowerCase();
    return usernamesOf(self).some((username) => username.toLowerCase() === name);
  }) ?? false;

const usernamesOf = ({ username, usernames }: Api.User): string[] => [
  ...(isAbsent(username) ? [] : [username]),
  ...(usernames ?? []).filter(({ active }) => active).map((one) => one.username),
];

/** The preview of a link is none. */
const hasMedia = (media: Api.TypeMessageMedia | undefined): boolean =>
  !isAbsent(media) &&
  !(media instanceof Api.MessageMediaEmpty) &&
  !(media instanceof Api.MessageMediaWebPage);
