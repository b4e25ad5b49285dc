import { returnBigInt } from 'telegram/Helpers.js';
import { Api } from 'telegram/tl/index.js';
import type { ChatEvent, ChatUser, OutgoingMessage } from '../../protocol/chat.ts';
import {
  chatUserOf,
  isAbsent,
  markedChannelId,
  markedIdOf,
  type Reader,
  readMessage,
} from './gramjs-events.ts';
import { refused } from './gramjs-failure.ts';
import { type Ask, GramJsGroups } from './gramjs-groups.ts';
import { type HistoryPlace, readHistory } from './read-history.ts';
import { Recent } from './recent.ts';
import {
  type ChatListener,
  type GroupList,
  type MissedEvents,
  type MissedLimits,
  type SentMessage,
  TelegramFailure,
} from './telegram-port.ts';
import { UpdateCounters } from './update-counters.ts';

/** Events that happened before anybody listened. */
const mostKept = 1_000;
const mostUsers = 1_000;
const mostOwnIds = 2_000;

/** What is said in chats, over one connection. Everything that it keeps is bounded. */
export class GramJsChats implements Reader {
  self: Api.User | null = null;
  readonly #ask: Ask;
  readonly #now: () => number;
  readonly #groups: GramJsGroups;
  readonly #users = new Recent<ChatUser>(mostUsers);
  readonly #ownIds = new Recent<true>(mostOwnIds);
  readonly #counters: UpdateCounters;
  #listener: ChatListener | null = null;
  #kept: ChatEvent[] = [];
  /** Chats with a gap that nobody could be told of yet. */
  readonly #keptGaps = new Set<string | null>();

  /** `now`: Telegram's time, ms since the epoch. */
  constructor(ask: Ask, now: () => number) {
    this.#ask = ask;
    this.#now = now;
    this.#groups = new GramJsGroups(ask, now, (chatId, membership) =>
      this.#listener?.onMembership(chatId, membership),
    );
    this.#counters = new UpdateCounters((chatId) => this.#gap(chatId));
  }

  user(userId: string): ChatUser | undefined {
    return this.#users.get(userId);
  }

  isOwnMessage(chatId: string, messageId: number): boolean {
    return this.#ownIds.get(`${chatId}:${messageId}`) ?? false;
  }

  knowSelf(self: Api.User): void {
    this.self = self;
    this.#knowUsers([self]);
  }

  listen(listener: ChatListener): void {
    this.#listener = listener;
    for (const event of this.#kept.splice(0)) listener.onEvent(event);
    for (const chatId of this.#keptGaps) listener.onGap(chatId);
    this.#keptGaps.clear();
    for (const [chatId, membership] of this.#groups.memberships())
      listener.onMembership(chatId, membership);
  }

  /** Nothing is told after the end. */
  close(): void {
    this.#counters.clear();
    this.#listener = null;
    this.#kept = [];
  }

  groups(): Promise<GroupList> {
    return this.#groups.list();
  }

  async send({ chatId, text, replyTo, randomId }: OutgoingMessage): Promise<SentMessage> {
    const peer = await this.#peer(chatId);
    const request = new Api.messages.SendMessage({
      ...{ peer, message: text, randomId: returnBigInt(randomId) },
      ...(replyTo === null
        ? {}
        : { replyTo: new Api.InputReplyToMessage({ replyToMsgId: replyTo }) }),
    });
    try {
      return this.#noteSent(chatId, await this.#ask(request, 'a message'));
    } catch (error) {
      if (
        error instanceof TelegramFailure &&
        error.failure.kind === 'rpc' &&
        error.failure.name === 'RANDOM_ID_DUPLICATE'
      )
        return { messageId: null, sentAtMs: this.#now() };
      throw error;
    }
  }

  async typing(chatId: string): Promise<void> {
    const peer = await this.#peer(chatId);
    await this.#ask(
      new Api.messages.SetTyping({ peer, action: new Api.SendMessageTypingAction() }),
      'the typing notice',
    );
  }

  async readAfter(
    chatId: string,
    afterMessageId: number,
    limit: number,
  ): Promise<readonly ChatEvent[]> {
    return (
      await this.readMissed(chatId, afterMessageId, { least: limit, most: limit, sinceMs: 0 })
    ).events;
  }

  async readMissed(
    chatId: string,
    afterMessageId: number,
    limits: MissedLimits,
  ): Promise<MissedEvents> {
    const peer = await this.#peer(chatId);
    const { messages, unreadable, isComplete } = await readHistory(
      limits,
      (offsetId, addOffset, limit) =>
        this.#page(peer, afterMessageId, { offsetId, addOffset, limit }),
    );
    // Oldest first, so that a message of ours is known when a reply to it is read.
    const events = messages.toReversed().map((message) => this.#read(message, false));
    const known = events.filter((event) => event !== null && event !== 'unknown');
    return { events: known, newestId: messages[0]?.id ?? 0, unreadable, isComplete };
  }

  async #page(
    peer: Api.TypeInputPeer,
    minId: number,
    place: HistoryPlace,
  ): Promise<readonly Api.TypeMessage[]> {
    const request = new Api.messages.GetHistory({
      ...{ peer, ...place, minId },
      ...{ offsetDate: 0, maxId: 0, hash: returnBigInt(0) },
    });
    const page = await this.#ask(request, 'a look at what was said');
    if (page instanceof Api.messages.MessagesNotModified) return [];
    this.#know(page);
    return page.messages;
  }

  /** Where basic groups and private chats stand. */
  countFrom(pts: number): void {
    this.#counters.note(null, pts, 0);
  }

  /** Everything that Telegram tells by itself. */
  receive(updates: Api.TypeUpdates): void {
    if (updates instanceof Api.Updates || updates instanceof Api.UpdatesCombined) {
      this.#know(updates);
      for (const update of updates.updates) this.#update(update, true);
    } else if (updates instanceof Api.UpdateShort) this.#update(updates.update, true);
    else if (
      updates instanceof Api.UpdateShortMessage ||
      updates instanceof Api.UpdateShortChatMessage
    ) {
      this.#counters.note(null, updates.pts, updates.ptsCount);
      this.#hear(fullMessage(updates), false);
    } else if (updates instanceof Api.UpdatesTooLong) this.miscounted();
  }

  #update(update: Api.TypeUpdate, isTold: boolean): void {
    if (update instanceof Api.UpdateChannelTooLong) this.#gap(markedChannelId(update.channelId));
    else if (update instanceof Api.UpdatePtsChanged) this.miscounted();
    // The objects beside it say what is new in a group. Where they do not, reading it does.
    else if (
      update instanceof Api.UpdateChannel &&
      !this.#groups.isKnown(markedChannelId(update.channelId))
    )
      this.#gap(markedChannelId(update.channelId));
    else {
      this.#count(update);
      if (isTold && 'message' in update && isChatUpdate(update))
        this.#hear(update.message, isEditUpdate(update));
    }
  }

  #count(update: Api.TypeUpdate): void {
    if (!('pts' in update && 'ptsCount' in update) || isAbsent(update.pts)) return;
    if ('channelId' in update)
      this.#counters.note(markedChannelId(update.channelId), update.pts, update.ptsCount);
    else if (
      update instanceof Api.UpdateNewChannelMessage ||
      update instanceof Api.UpdateEditChannelMessage
    ) {
      const { peerId } = update.message;
      if (peerId instanceof Api.PeerChannel)
        this.#counters.note(markedIdOf(peerId), update.pts, update.ptsCount);
    } else this.#counters.note(null, update.pts, update.ptsCount);
  }

  #hear(message: Api.TypeMessage, isEdit: boolean): void {
    const event = this.#read(message, isEdit);
    if (event === 'unknown')
      this.#gap(isAbsent(message.peerId) ? null : markedIdOf(message.peerId));
    else if (event !== null) this.#tell(event);
  }

  #read(message: Api.TypeMessage, isEdit: boolean): ChatEvent | null | 'unknown' {
    const event = readMessage(message, this, isEdit);
    if (event !== null && event !== 'unknown' && event.kind === 'message' && event.isOwn)
      this.#noteOwn(event.chatId, event.messageId);
    return event;
  }

  #noteOwn(chatId: string, messageId: number): void {
    this.#ownIds.set(`${chatId}:${messageId}`, true);
  }

  #peer(chatId: string): Promise<Api.TypeInputPeer> {
    return this.#groups.peer(chatId, this.self?.id.toString() ?? null);
  }

  #tell(event: ChatEvent): void {
    if (this.#listener !== null) this.#listener.onEvent(event);
    else this.#keep(event);
  }

  #keep(event: ChatEvent): void {
    this.#kept.push(event);
    if (this.#kept.length <= mostKept) return;
    this.#kept.shift();
    this.#keptGaps.add(null);
  }

  #gap(chatId: string | null): void {
    if (this.#listener !== null) this.#listener.onGap(chatId);
    else if (this.#keptGaps.size < mostKept) this.#keptGaps.add(chatId);
  }

  /**
   * Something was lost, and nobody can say of which chat. The counters start again from whatever
   * comes next.
   */
  miscounted(): void {
    this.#counters.clear();
    this.#gap(null);
  }

  #noteSent(chatId: string, answer: Api.TypeUpdates): SentMessage {
    if (answer instanceof Api.UpdateShortSentMessage) {
      this.#counters.note(null, answer.pts, answer.ptsCount);
      return this.#said(chatId, answer.id, answer.date);
    }
    if (!(answer instanceof Api.Updates || answer instanceof Api.UpdatesCombined))
      throw refused(500, 'NO_MESSAGE_IN_ANSWER');
    for (const update of answer.updates) this.#update(update, false);
    const found = answer.updates.find((update) => update instanceof Api.UpdateMessageID);
    if (found === undefined) throw refused(500, 'NO_MESSAGE_IN_ANSWER');
    return this.#said(chatId, found.id, answer.date);
  }

  #said(chatId: string, messageId: number, date: number): SentMessage {
    this.#noteOwn(chatId, messageId);
    return { messageId, sentAtMs: date * 1000 };
  }

  #knowUsers(users: readonly Api.TypeUser[]): void {
    for (const user of users)
      if (user instanceof Api.User) this.#users.set(user.id.toString(), chatUserOf(user));
  }

  #know({
    users,
    chats,
  }: {
    readonly users: readonly Api.TypeUser[];
    readonly chats: readonly Api.TypeChat[];
  }): void {
    this.#knowUsers(users);
    this.#groups.know(chats);
  }
}

/**
 * Updates that bring a message of a chat; others with a field of that name (scheduled ones, quick
 * replies) are none.
 */
const isChatUpdate = (update: Api.TypeUpdate): update is ChatUpdate =>
  update instanceof Api.UpdateNewMessage ||
  update instanceof Api.UpdateNewChannelMessage ||
  update instanceof Api.UpdateEditMessage ||
  update instanceof Api.UpdateEditChannelMessage;

type ChatUpdate =
  | Api.UpdateNewMessage
  | Api.UpdateNewChannelMessage
  | Api.UpdateEditMessage
  | Api.UpdateEditChannelMessage;

const isEditUpdate = (update: ChatUpdate): boolean =>
  update instanceof Api.UpdateEditMessage || update instanceof Api.UpdateEditChannelMessage;

/** Telegram's short form of a plain message in a private chat or basic group. */
const fullMessage = (short: Api.UpdateShortMessage | Api.UpdateShortChatMessage): Api.Message => {
  const { out, mentioned, id, message, date, replyTo, entities } = short;
  const isPrivate = short instanceof Api.UpdateShortMessage;
  return new Api.Message({
    ...{
      id,
      message,
      date,
      peerId: isPrivate
        ? new Api.PeerUser({ userId: short.userId })
        : new Api.PeerChat({ chatId: short.chatId }),
    },
    ...(isPrivate ? {} : { fromId: new Api.PeerUser({ userId: short.fromId }) }),
    ...(isAbsent(out) ? {} : { out }),
    ...(isAbsent(mentioned) ? {} : { mentioned }),
    ...(isAbsent(replyTo) ? {} : { replyTo }),
    ...(isAbsent(entities) ? {} : { entities }),
  });
};
