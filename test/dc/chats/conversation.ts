import { type Context, serverNow } from '../context.ts';
import { groupObject } from '../rpc/objects.ts';
import type { Account, PersonSpec } from '../world/world.ts';
import type { Draft, GroupSpec, Said, Typing } from './chats.ts';
import type { Action, Group, Message, Restriction } from './message.ts';
import { push, pushAll } from './push.ts';

type Id = bigint | number | string;

/** What somebody says. */
export interface SaySpec {
  /** Marked id of a group, or the user id of whom to write to in private. */
  readonly chatId: string;
  /** Null: the group itself speaks (an anonymous administrator). */
  readonly from: Id | null;
  readonly text: string;
  /** `ref` of an earlier message. */
  readonly replyTo?: number;
  /**
   * User ids of people who are linked behind their first names in the text. `@username` is a
   * mention anyway.
   */
  readonly mentions?: readonly Id[];
  /** A photo; `text` is its caption. */
  readonly hasMedia?: boolean;
  /** With media of a kind that no client knows. */
  readonly isUnreadable?: boolean;
  /** False: nobody is told, although it is counted: a gap. Default true. */
  readonly isTold?: boolean;
}

/** A message that was said. */
export interface SaidMessage {
  readonly ref: number;
  /** As every member of a supergroup counts; 0 elsewhere. */
  readonly messageId: number;
}

/** Which entries of the record; what is not given does not matter. */
export interface SaidFilter {
  readonly chatId?: string;
  readonly userId?: string;
  readonly afterRef?: number;
  readonly replyTo?: number;
}

/**
 * The people of a data centre: what they do in groups and in private. Unknown ids throw RangeError.
 */
export class Conversation {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Somebody without a login; who is known stays as they are. */
  addPerson(spec: PersonSpec): void {
    this.#world.addPerson(spec);
  }

  /** Returns its marked id. */
  addGroup(spec: GroupSpec): string {
    return this.#chats.addGroup(spec, this.#nowMs).chatId;
  }

  say(spec: SaySpec): SaidMessage {
    const sender = spec.from === null ? null : this.#world.accountOf(spec.from);
    const chat = spec.chatId.startsWith('-')
      ? this.#group(spec.chatId)
      : this.#chats.privateOf(this.#sender(sender), this.#world.accountOf(spec.chatId));
    if (sender !== null && !chat.members.has(String(sender.userId)))
      throw new RangeError(`user ${sender.userId} is not in chat ${spec.chatId}`);
    const replyTo = spec.replyTo === undefined ? null : this.#chats.messageOf(spec.replyTo);
    const mentions = (spec.mentions ?? []).map((userId) => this.#world.accountOf(userId));
    return this.#add(
      {
        chat,
        sender,
        text: spec.text,
        replyTo,
        mentions,
        hasMedia: spec.hasMedia ?? false,
        isUnreadable: spec.isUnreadable ?? false,
      },
      spec.isTold ?? true,
    );
  }

  edit(ref: number, text: string): void {
    pushAll(this.#context, this.#chats.edit(this.#chats.messageOf(ref), text, this.#nowMs));
  }

  remove(ref: number): void {
    pushAll(this.#context, this.#chats.remove(this.#chats.messageOf(ref)));
  }

  /** `by`: who added them; without it one came by a link. */
  join(chatId: string, userIds: readonly Id[], by?: Id): SaidMessage {
    const group = this.#group(chatId);
    const users = userIds.map((userId) => this.#world.accountOf(userId));
    if (by === undefined && users.length !== 1)
      throw new RangeError('by a link comes one at a time');
    for (const user of users) {
      group.members.set(String(user.userId), user);
      group.gone.delete(String(user.userId));
      this.#tellStanding(group, user);
    }
    const sender = by === undefined ? (users[0] ?? null) : this.#world.accountOf(by);
    return this.#serve(group, sender, { kind: 'joined', users, isByLink: by === undefined });
  }

  /**
   * `by`: who removed them; without it they went by themselves. `isTold`: whether they are told.
   * Default true.
   */
  leave(
    chatId: string,
    userId: Id,
    { by, isTold = true }: { readonly by?: Id; readonly isTold?: boolean } = {},
  ): SaidMessage {
    const group = this.#group(chatId);
    const user = this.#world.accountOf(userId);
    group.members.delete(String(user.userId));
    group.gone.set(String(user.userId), by === undefined ? 'left' : 'removed');
    if (isTold) this.#tellStanding(group, user);
    return this.#serve(group, by === undefined ? user : this.#world.accountOf(by), {
      kind: 'left',
      user,
    });
  }

  /**
   * Makes a basic group a supergroup, with an id of its own, which is returned; the old one stays,
   * with nobody in it.
   */
  upgrade(chatId: string): string {
    const group = this.#group(chatId);
    const members = [...group.members.keys()];
    const to = this.#group(this.addGroup({ kind: 'supergroup', title: group.title, members }));
    group.movedTo = to;
    this.#serve(group, null, { kind: 'moved', to });
    group.members.clear();
    return to.chatId;
  }

  pin(ref: number, by: Id): SaidMessage {
    const pinned = this.#chats.messageOf(ref);
    if (pinned.chat.kind === 'private') throw new RangeError('only groups pin messages');
    return this.#serve(pinned.chat, this.#world.accountOf(by), { kind: 'pinned' }, pinned);
  }

  retitle(chatId: string, title: string, by: Id): SaidMessage {
    const group = this.#group(chatId);
    group.title = title;
    return this.#serve(group, this.#world.accountOf(by), { kind: 'title', title });
  }

  /** Null lifts it. */
  restrict(chatId: string, userId: Id, restriction: Restriction | null): void {
    const { restricted } = this.#group(chatId);
    if (restriction === null) restricted.delete(String(userId));
    else restricted.set(String(userId), restriction);
  }

  setSlowMode(chatId: string, seconds: number): void {
    this.#group(chatId).slowModeSeconds = seconds;
  }

  /**
   * The next `count` messages, edits and deletions are counted but not told to this account: a gap.
   */
  loseUpdates(userId: Id, count: number): void {
    this.#world.lostUpdates.set(String(this.#world.accountOf(userId).userId), count);
  }

  /**
   * Telegram tells an account that there was too much to tell, of one supergroup or of everything
   * (null).
   */
  tellTooLong(userId: Id, chatId: string | null): void {
    const update =
      chatId === null ? null : { _: 'updateChannelTooLong', channel_id: this.#group(chatId).id };
    const date = Math.floor(this.#nowMs / 1000);
    push(this.#context, this.#world.accountOf(userId), null, () =>
      update === null ? { _: 'updatesTooLong' } : { _: 'updateShort', update, date },
    );
  }

  /** Of the newest 20,000, oldest first. */
  said(filter: SaidFilter = {}): readonly Said[] {
    const { chatId, userId, afterRef = 0, replyTo } = filter;
    return this.#chats.said.filter(
      (entry) =>
        entry.ref > afterRef &&
        (chatId === undefined || entry.chatId === chatId) &&
        (userId === undefined || entry.userId === userId) &&
        (replyTo === undefined || entry.replyTo === replyTo),
    );
  }

  /** Typing notices, the newest 1,000, oldest first. */
  typings(): readonly Typing[] {
    return [...this.#chats.typings];
  }

  /**
   * As Telegram tells whose place in a group has changed: an update of which the objects beside it
   * say all.
   */
  #tellStanding(group: Group, user: Account): void {
    const update =
      group.kind === 'supergroup'
        ? { _: 'updateChannel', channel_id: group.id }
        : { _: 'updateChat', chat_id: group.id };
    const date = Math.floor(this.#nowMs / 1000);
    push(this.#context, user, null, () => ({
      ...{
        _: 'updates',
        updates: [update],
        users: [],
        chats: [groupObject(group, user)],
        date,
        seq: 0,
      },
    }));
  }

  #serve(
    group: Group,
    sender: Account | null,
    action: Action,
    replyTo: Message | null = null,
  ): SaidMessage {
    return this.#add({ chat: group, sender, text: '', action, replyTo }, true);
  }

  #add(draft: Omit<Draft, 'nowMs'>, isTold: boolean): SaidMessage {
    const { message, deliveries } = this.#chats.add({ ...draft, nowMs: this.#nowMs });
    if (isTold) pushAll(this.#context, deliveries);
    return { ref: message.ref, messageId: message.id };
  }

  #sender(sender: Account | null): Account {
    if (sender === null) throw new RangeError('only groups speak as themselves');
    return sender;
  }

  #group(chatId: string): Group {
    return this.#chats.groupOf(chatId);
  }

  get #world() {
    return this.#context.world;
  }

  get #chats() {
    return this.#context.world.chats;
  }

  get #nowMs(): number {
    return serverNow(this.#context);
  }
}
