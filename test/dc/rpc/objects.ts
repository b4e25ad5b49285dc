import { createHash } from 'node:crypto';
import type { FeedEvent } from '../chats/feed.ts';
import {
  type Action,
  type Chat,
  type Group,
  idFor,
  isMentioned,
  type Mention,
  type Message,
  partnerOf,
} from '../chats/message.ts';
import { type TlObject, UNREADABLE } from '../tl/codec.ts';
import type { Account } from '../world/world.ts';

/** A user as `viewer` sees it. */
export function userObject(account: Account, viewer: Account): TlObject {
  return {
    _: 'user',
    self: account === viewer,
    bot: account.isBot,
    id: account.userId,
    access_hash: account.accessHash,
    first_name: account.firstName,
    ...(account.username === null ? {} : { username: account.username }),
    ...(account.language === null ? {} : { lang_code: account.language }),
    ...(account.isBot ? { bot_info_version: 1 } : {}),
    ...(account === viewer && !account.isBot
      ? { phone: `888${String(account.userId).padStart(8, '0')}` }
      : {}),
  };
}

/** Every account has its own: who takes another one's is found out. */
export function channelHash(group: Group, viewer: Account): bigint {
  return createHash('sha256')
    .update(`channel ${group.id} ${viewer.userId}`)
    .digest()
    .readBigInt64LE();
}

export function groupObject(group: Group, viewer: Account): TlObject {
  const isIn = group.members.has(String(viewer.userId));
  if (group.gone.get(String(viewer.userId)) === 'removed') return forbiddenObject(group, viewer);
  const common = {
    id: group.id,
    title: group.title,
    photo: { _: 'chatPhotoEmpty' },
    date: group.createdS,
    participants_count: group.members.size,
  };
  if (group.kind === 'group')
    return {
      _: 'chat',
      ...common,
      ...(isIn ? {} : { left: true }),
      ...movedObject(group, viewer),
      version: 1,
    };
  return {
    ...{ _: 'channel', ...common, megagroup: true, access_hash: channelHash(group, viewer) },
    ...(isIn ? {} : { left: true }),
    ...(group.slowModeSeconds > 0 ? { slowmode_enabled: true } : {}),
  };
}

function forbiddenObject({ kind, id, title }: Group, viewer: Account): TlObject {
  return kind === 'group'
    ? { _: 'chatForbidden', id, title }
    : { _: 'channelForbidden', megagroup: true, id, access_hash: BigInt(viewer.userId), title };
}

function movedObject({ movedTo }: Group, viewer: Account): Partial<TlObject> {
  if (movedTo === null) return {};
  return {
    ...{ deactivated: true, left: false },
    migrated_to: {
      _: 'inputChannel',
      channel_id: movedTo.id,
      access_hash: channelHash(movedTo, viewer),
    },
  };
}

export function peerObject(chat: Chat, viewer: Account): TlObject {
  if (chat.kind === 'supergroup') return { _: 'peerChannel', channel_id: chat.id };
  if (chat.kind === 'private') return { _: 'peerUser', user_id: partnerOf(chat, viewer).userId };
  return { _: 'peerChat', chat_id: chat.id };
}

/** A message as `viewer` sees it. */
export function messageObject(message: Message, viewer: Account): TlObject {
  const { chat, sender, action } = message;
  const id = idFor(message, viewer) ?? 0;
  if (message.isDeleted) return { _: 'messageEmpty', id };
  const common = {
    ...(sender === viewer ? { out: true } : {}),
    ...(isMentioned(message, viewer) ? { mentioned: true } : {}),
    ...(sender === null || chat.kind === 'private'
      ? {}
      : { from_id: { _: 'peerUser', user_id: sender.userId } }),
    ...(message.replyTo === null
      ? {}
      : {
          reply_to: {
            _: 'messageReplyHeader',
            reply_to_msg_id: idFor(message.replyTo, viewer) ?? 0,
          },
        }),
    ...{ id, peer_id: peerObject(chat, viewer), date: message.dateS },
  };
  if (action !== null) return { _: 'messageService', ...common, action: actionObject(action) };
  return {
    ...{ _: 'message', ...common, message: message.text },
    ...(message.hasMedia
      ? { media: { _: 'messageMediaPhoto', photo: { _: 'photoEmpty', id: BigInt(message.ref) } } }
      : {}),
    ...(message.isUnreadable ? { media: { _: UNREADABLE } } : {}),
    ...(message.mentions.length > 0 ? { entities: message.mentions.map(entityObject) } : {}),
    ...(message.editedS === null ? {} : { edit_date: message.editedS }),
  };
}

/** Telegram's short form; only of a plain message in a basic group. */
export function briefUpdate({ message, pts }: FeedEvent, viewer: Account): TlObject {
  const full = messageObject(message, viewer);
  const { id, date, out, mentioned, reply_to, entities } = full;
  return {
    ...{
      _: 'updateShortChatMessage',
      id,
      from_id: message.sender?.userId,
      chat_id: message.chat.kind === 'group' ? message.chat.id : 0n,
    },
    ...{ message: message.text, pts, pts_count: 1, date, out, mentioned, reply_to, entities },
  };
}

export function updateObject({ kind, message, pts }: FeedEvent, viewer: Account): TlObject {
  const { chat } = message;
  const isShared = chat.kind === 'supergroup';
  const counters = { pts, pts_count: 1 };
  if (kind === 'delete') {
    const messages = [idFor(message, viewer) ?? 0];
    return isShared
      ? { _: 'updateDeleteChannelMessages', channel_id: chat.id, messages, ...counters }
      : { _: 'updateDeleteMessages', messages, ...counters };
  }
  const name = `update${kind === 'new' ? 'New' : 'Edit'}${isShared ? 'Channel' : ''}Message`;
  return { _: name, message: messageObject(message, viewer), ...counters };
}

/** Everybody and every group that these messages name, as `viewer` sees them. */
export function peersIn(
  messages: readonly Message[],
  viewer: Account,
): { readonly users: TlObject[]; readonly chats: TlObject[] } {
  const users = new Set<Account>();
  const groups = new Set<Group>();
  for (const { chat, sender, action, mentions } of messages) {
    if (sender !== null) users.add(sender);
    if (chat.kind !== 'private') groups.add(chat);
    else for (const member of chat.members.values()) users.add(member);
    for (const { user } of mentions) users.add(user);
    for (const user of usersOf(action)) users.add(user);
  }
  return {
    users: [...users].map((user) => userObject(user, viewer)),
    chats: [...groups].map((group) => groupObject(group, viewer)),
  };
}

function usersOf(action: Action | null): readonly Account[] {
  if (action?.kind === 'joined') return action.users;
  return action?.kind === 'left' ? [action.user] : [];
}

function actionObject(action: Action): TlObject {
  switch (action.kind) {
    case 'joined':
      return action.isByLink
        ? { _: 'messageActionChatJoinedByLink', inviter_id: 1n }
        : { _: 'messageActionChatAddUser', users: action.users.map(({ userId }) => userId) };
    case 'left':
      return { _: 'messageActionChatDeleteUser', user_id: action.user.userId };
    case 'pinned':
      return { _: 'messageActionPinMessage' };
    case 'title':
      return { _: 'messageActionChatEditTitle', title: action.title };
    case 'moved':
      return { _: 'messageActionChatMigrateTo', channel_id: action.to.id };
  }
}

function entityObject({ user, offset, length, isByUsername }: Mention): TlObject {
  return isByUsername
    ? { _: 'messageEntityMention', offset, length }
    : { _: 'messageEntityMentionName', offset, length, user_id: user.userId };
}
