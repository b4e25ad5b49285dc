import { feedOf } from '../../chats/chats.ts';
import { type Chat, type Group, idFor, type Message } from '../../chats/message.ts';
import { push, pushAll, wrapped } from '../../chats/push.ts';
import type { TlObject } from '../../tl/codec.ts';
import type { Account } from '../../world/world.ts';
import type { HandlerTable, RpcContext } from '../handler.ts';
import {
  groupObject,
  messageObject,
  peerObject,
  peersIn,
  updateObject,
  userObject,
} from '../objects.ts';
import { chatOfPeer, supergroupOf } from '../peers.ts';
import { RpcError } from '../rpc-error.ts';

const MAX_PAGE = 100;
const MAX_LENGTH = 4096;
const REMEMBERED_RANDOM_IDS = 10_000;

export const messageHandlers: HandlerTable = {
  'messages.sendMessage': (request, context) => sendMessage(request, context),
  'messages.setTyping': (request, context) => setTyping(request, context),
  'messages.getHistory': (request, context) => history(request, context),
  'messages.getDialogs': (request, context) => dialogs(request, context),
  'messages.getMessages': (request, { world, account }) => {
    const messages = world.chats
      .chatsOf(account)
      .filter(({ kind }) => kind !== 'supergroup')
      .flatMap((chat) => chat.history);
    return { _: 'messages.messages', ...chosen(request, messages, account) };
  },
  'channels.getMessages': (request, { world, account }) => {
    const group = supergroupOf(request.channel as TlObject, world, account);
    const { messages, users, chats } = chosen(request, group.history, account);
    return {
      _: 'messages.channelMessages',
      pts: group.feed.pts,
      count: messages.length,
      messages,
      users,
      chats,
    };
  },
};

/** What is wrong with the request comes first, then what the group does not allow. */
function sendMessage(request: TlObject, context: RpcContext): TlObject {
  const { world, account, login, session, nowMs } = context;
  const chat = chatOfPeer(request.peer as TlObject, world, account);
  const text = String(request.message);
  if (text.trim() === '') throw new RpcError(400, 'MESSAGE_EMPTY');
  if (text.length > MAX_LENGTH) throw new RpcError(400, 'MESSAGE_TOO_LONG');
  const replyTo = repliedTo(request.reply_to as TlObject | undefined, chat, account);
  const randomId = request.random_id as bigint;
  if (account.randomIds.has(randomId)) throw new RpcError(500, 'RANDOM_ID_DUPLICATE');
  if (chat.kind !== 'private') checkRights(chat, account, nowMs);
  noteRandomId(account, randomId);
  const { message, deliveries } = world.chats.add({
    chat,
    sender: account,
    text,
    replyTo,
    keyId: login.keyId,
    nowMs,
  });
  pushAll(context.dataCentre, deliveries, session);
  const event = feedOf(chat, account).log.at(-1);
  const id = idFor(message, account) ?? 0;
  if (event === undefined) throw new Error('the message was not counted');
  if (chat.kind === 'private')
    return {
      _: 'updateShortSentMessage',
      out: true,
      id,
      pts: event.pts,
      pts_count: 1,
      date: message.dateS,
    };
  const sent = wrapped(context.dataCentre, updateObject(event, account), [message], account);
  return {
    ...sent,
    updates: [{ _: 'updateMessageID', id, random_id: randomId }, ...(sent.updates as TlObject[])],
  };
}

function repliedTo(reply: TlObject | undefined, chat: Chat, account: Account): Message | null {
  if (reply === undefined) return null;
  const found = chat.history.findLast(
    (message) => idFor(message, account) === reply.reply_to_msg_id,
  );
  if (reply._ !== 'inputReplyToMessage' || found === undefined)
    throw new RpcError(400, 'REPLY_TO_INVALID');
  return found;
}

function checkRights(group: Group, account: Account, nowMs: number): void {
  const key = String(account.userId);
  const restriction = group.restricted.get(key);
  if (restriction === 'muted') throw new RpcError(403, 'CHAT_WRITE_FORBIDDEN');
  if (restriction === 'banned') throw new RpcError(400, 'USER_BANNED_IN_CHANNEL');
  const waitMs = (group.wroteAt.get(key) ?? 0) + 1000 * group.slowModeSeconds - nowMs;
  if (waitMs > 0) throw new RpcError(420, `SLOWMODE_WAIT_${Math.ceil(waitMs / 1000)}`);
  group.wroteAt.set(key, nowMs);
}

function noteRandomId({ randomIds }: Account, randomId: bigint): void {
  randomIds.add(randomId);
  const [oldest] = randomIds;
  if (randomIds.size > REMEMBERED_RANDOM_IDS && oldest !== undefined) randomIds.delete(oldest);
}

function setTyping(
  request: TlObject,
  { world, account, session, dataCentre, nowS }: RpcContext,
): boolean {
  const chat = chatOfPeer(request.peer as TlObject, world, account);
  world.chats.noteTyping(chat, account, 1000 * nowS);
  const { action } = request;
  const from_id = { _: 'peerUser', user_id: account.userId };
  for (const member of chat.members.values()) {
    if (member === account) continue;
    push(dataCentre, member, session, () => ({
      _: 'updateShort',
      date: nowS,
      update:
        chat.kind === 'supergroup'
          ? { _: 'updateChannelUserTyping', channel_id: chat.id, from_id, action }
          : chat.kind === 'group'
            ? { _: 'updateChatUserTyping', chat_id: chat.id, from_id, action }
            : { _: 'updateUserTyping', user_id: account.userId, action },
    }));
  }
  return true;
}

/** Newest first, from `offset_id` (excluded) on, moved by `add_offset`. */
function history(request: TlObject, { world, account }: RpcContext): TlObject {
  const chat = chatOfPeer(request.peer as TlObject, world, account);
  const [offsetId, addOffset, limit, maxId, minId] = [
    'offset_id',
    'add_offset',
    'limit',
    'max_id',
    'min_id',
  ].map((name) => Number(request[name]));
  const seen = chat.history.filter((message) => idFor(message, account) !== undefined).reverse();
  const ids = seen.map((message) => idFor(message, account) as number);
  const from = (offsetId ? ids.findIndex((id) => id < offsetId) : 0) + (addOffset ?? 0);
  const start =
    offsetId && ids.every((id) => id >= offsetId) ? ids.length + (addOffset ?? 0) : from;
  const page = seen.slice(Math.max(start, 0), Math.max(start + Math.min(limit ?? 0, MAX_PAGE), 0));
  const found = page.filter((message) => {
    const id = idFor(message, account) as number;
    return id > (minId ?? 0) && (!maxId || id < maxId);
  });
  const messages = found.map((message) => messageObject(message, account));
  const peers = peersIn(found, account);
  if (chat.kind === 'supergroup')
    return {
      _: 'messages.channelMessages',
      pts: chat.feed.pts,
      count: seen.length,
      messages,
      ...peers,
    };
  return found.length < seen.length
    ? { _: 'messages.messagesSlice', count: seen.length, messages, ...peers }
    : { _: 'messages.messages', messages, ...peers };
}

function chosen(request: TlObject, from: readonly Message[], account: Account) {
  const asked = (request.id as readonly TlObject[]).map(({ id }) => Number(id));
  const found = asked.map((id) => from.find((message) => idFor(message, account) === id));
  return {
    messages: found.map((message, index) =>
      message === undefined
        ? { _: 'messageEmpty', id: asked[index] }
        : messageObject(message, account),
    ),
    ...peersIn(
      found.filter((message) => message !== undefined),
      account,
    ),
  };
}

/** Chats with the newest message first; an empty one counts from its creation. */
function dialogs(request: TlObject, { world, account }: RpcContext): TlObject {
  const all = world.chats
    .chatsOf(account)
    .sort((a, b) => lastRef(b) - lastRef(a) || String(keyOf(b)).localeCompare(String(keyOf(a))));
  const offset = request.offset_peer as TlObject;
  const beforeS = Number(request.offset_date);
  const isOlder = (chat: Chat): boolean => (chat.history.at(-1)?.dateS ?? 0) < beforeS;
  const byDate = beforeS === 0 ? 0 : all.findIndex(isOlder);
  const from =
    offset._ === 'inputPeerEmpty'
      ? byDate === -1
        ? all.length
        : byDate
      : all.indexOf(chatOfPeer(offset, world, account)) + 1;
  const page = all.slice(from, from + Math.min(Number(request.limit), MAX_PAGE));
  const tops = page.flatMap(
    (chat) => chat.history.findLast((message) => idFor(message, account) !== undefined) ?? [],
  );
  const peers = peersIn(tops, account);
  const groups = page.filter((chat) => chat.kind !== 'private');
  const partners = page
    .filter((chat) => chat.kind === 'private')
    .flatMap((chat) => [...chat.members.values()]);
  const content = {
    dialogs: page.map((chat) => dialogObject(chat, account)),
    messages: tops.map((message) => messageObject(message, account)),
    chats: groups.map((group) => groupObject(group, account)),
    users: [...peers.users, ...partners.map((user) => userObject(user, account))],
  };
  const isAll = from === 0 && page.length === all.length;
  return isAll
    ? { _: 'messages.dialogs', ...content }
    : { _: 'messages.dialogsSlice', count: all.length, ...content };
}

function dialogObject(chat: Chat, account: Account): TlObject {
  const top = chat.history.findLast((message) => idFor(message, account) !== undefined);
  return {
    ...{
      _: 'dialog',
      peer: peerObject(chat, account),
      top_message: top === undefined ? 0 : idFor(top, account),
    },
    notify_settings: { _: 'peerNotifySettings' },
    ...(chat.kind === 'supergroup' ? { pts: chat.feed.pts } : {}),
  };
}

function lastRef(chat: Chat): number {
  return chat.history.at(-1)?.ref ?? 0;
}

function keyOf(chat: Chat): string {
  return chat.kind === 'private' ? [...chat.members.keys()].join(' ') : chat.chatId;
}
