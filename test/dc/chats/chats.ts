import type { Account, World } from '../world/world.ts';
import { addToFeed, type Feed, type FeedEvent, newFeed } from './feed.ts';
import {
  type Action,
  type Chat,
  type Group,
  type GroupKind,
  idFor,
  type Mention,
  type Message,
  markedId,
  type Private,
  partnerOf,
} from './message.ts';

export interface GroupSpec {
  readonly kind: GroupKind;
  /** Unmarked; default: the next free one. */
  readonly id?: bigint | number | string;
  readonly title?: string;
  /** User ids; all must be known. */
  readonly members?: readonly (bigint | number | string)[];
  /** Seconds between two messages of one member (supergroups). Default 0. */
  readonly slowModeSeconds?: number;
  /** See {@link Group.isBrief}. Default false. */
  readonly isBrief?: boolean;
}

/** A message to be. `now` in ms. */
export interface Draft {
  readonly chat: Chat;
  readonly sender: Account | null;
  readonly text: string;
  readonly nowMs: number;
  readonly replyTo?: Message | null;
  /** Linked behind their first name, which the text must hold. */
  readonly mentions?: readonly Account[];
  readonly hasMedia?: boolean;
  readonly isUnreadable?: boolean;
  readonly action?: Action;
  /** Key that sent it; null: the person has none. */
  readonly keyId?: string | null;
}

/** One account's view of something that happened. */
export interface Delivery {
  readonly account: Account;
  readonly event: FeedEvent;
}

/** An entry of the record: who said what, when, to whom. All times are ms since 1970. */
export interface Said {
  readonly ref: number;
  readonly at: number;
  /** Marked id of a group; in private the user id of the one who is spoken to. */
  readonly chatId: string;
  /** Null: the group itself. */
  readonly userId: string | null;
  /** Key of the login that said it; null for people without one. */
  readonly keyId: string | null;
  readonly text: string;
  /** `ref` of the message replied to. */
  readonly replyTo: number | null;
  readonly kind: 'message' | Action['kind'];
}

/** Somebody showed that they type. */
export interface Typing {
  readonly at: number;
  /** As in {@link Said}. */
  readonly chatId: string;
  readonly userId: string;
}

const HISTORY_MESSAGES = 2000;
const RECORDED = 20_000;
const RECORDED_TYPINGS = 1000;

/** Groups, private chats and everything that was said in them. No I/O. */
export class Chats {
  readonly groups = new Map<string, Group>();
  readonly privates = new Map<string, Private>();
  /** The newest 20,000. */
  readonly said: Said[] = [];
  /** The newest 1,000. */
  readonly typings: Typing[] = [];
  readonly #world: World;
  readonly #messages = new Map<number, Message>();
  #lastRef = 0;
  #lastGroupId = 1_000_000_000n;

  constructor(world: World) {
    this.#world = world;
  }

  /** Throws RangeError for unknown members and a used id. */
  addGroup(spec: GroupSpec, nowMs: number): Group {
    const id = spec.id === undefined ? this.#lastGroupId + 1n : BigInt(spec.id);
    const chatId = markedId(spec.kind, id);
    if (this.groups.has(chatId)) throw new RangeError(`there is a chat ${chatId} already`);
    if (id > this.#lastGroupId) this.#lastGroupId = id;
    const group: Group = {
      ...{
        kind: spec.kind,
        id,
        chatId,
        title: spec.title ?? `Group ${id}`,
        feed: newFeed(),
        createdS: Math.floor(nowMs / 1000),
      },
      members: new Map(
        (spec.members ?? []).map((userId) => [String(userId), this.#world.accountOf(userId)]),
      ),
      ...{
        restricted: new Map(),
        gone: new Map(),
        movedTo: null,
        slowModeSeconds: spec.slowModeSeconds ?? 0,
        wroteAt: new Map(),
        isBrief: spec.isBrief ?? false,
        history: [],
      },
    };
    this.groups.set(chatId, group);
    return group;
  }

  /** Throws RangeError. */
  groupOf(chatId: string): Group {
    const group = this.groups.get(chatId);
    if (group === undefined) throw new RangeError(`there is no chat ${chatId}`);
    return group;
  }

  /** Made when first asked for. */
  privateOf(one: Account, other: Account): Private {
    const key = [one.userId, other.userId].sort((a, b) => (a < b ? -1 : 1)).join(' ');
    const chat = this.privates.get(key) ?? {
      kind: 'private',
      members: new Map([one, other].map((a) => [String(a.userId), a])),
      history: [],
    };
    this.privates.set(key, chat);
    return chat;
  }

  /** Throws RangeError for a message that was deleted or is too old. */
  messageOf(ref: number): Message {
    const message = this.#messages.get(ref);
    if (message === undefined) throw new RangeError(`there is no message ${ref}`);
    return message;
  }

  /**
   * Chats that an account sees: a group from which it was removed stays in its list, with nothing
   * in it.
   */
  chatsOf(account: Account): Chat[] {
    const key = String(account.userId);
    return [...this.groups.values(), ...this.privates.values()].filter(
      (chat) =>
        chat.members.has(key) || (chat.kind !== 'private' && chat.gone.get(key) === 'removed'),
    );
  }

  add(draft: Draft): { readonly message: Message; readonly deliveries: readonly Delivery[] } {
    const { chat } = draft;
    const message: Message = {
      ...{
        ref: ++this.#lastRef,
        chat,
        sender: draft.sender,
        dateS: Math.floor(draft.nowMs / 1000),
        text: draft.text,
      },
      mentions: this.#mentionsIn(draft.text, draft.mentions ?? []),
      ...{
        hasMedia: draft.hasMedia ?? false,
        isUnreadable: draft.isUnreadable ?? false,
        replyTo: draft.replyTo ?? null,
        action: draft.action ?? null,
        editedS: null,
        isDeleted: false,
      },
      id: chat.kind === 'supergroup' ? ++chat.feed.lastMessageId : 0,
      ids: new Map(),
    };
    if (chat.kind !== 'supergroup') {
      for (const account of this.#readersOf(chat))
        message.ids.set(String(account.userId), ++account.feed.lastMessageId);
    }
    chat.history.push(message);
    this.#messages.set(message.ref, message);
    if (chat.history.length > HISTORY_MESSAGES) this.#forget(chat.history.shift());
    this.#record(message, draft);
    return { message, deliveries: this.#happen('new', message) };
  }

  noteTyping(chat: Chat, account: Account, nowMs: number): void {
    this.typings.push({
      at: nowMs,
      chatId: recordedId(chat, account),
      userId: String(account.userId),
    });
    if (this.typings.length > RECORDED_TYPINGS) this.typings.shift();
  }

  edit(message: Message, text: string, nowMs: number): readonly Delivery[] {
    message.text = text;
    message.mentions = this.#mentionsIn(text, []);
    message.editedS = Math.floor(nowMs / 1000);
    return this.#happen('edit', message);
  }

  remove(message: Message): readonly Delivery[] {
    message.isDeleted = true;
    message.chat.history = message.chat.history.filter((other) => other !== message);
    this.#messages.delete(message.ref);
    return this.#happen('delete', message);
  }

  #forget(message: Message | undefined): void {
    if (message === undefined) return;
    message.replyTo = null;
    this.#messages.delete(message.ref);
  }

  #happen(kind: FeedEvent['kind'], message: Message): readonly Delivery[] {
    const { chat } = message;
    const shared = chat.kind === 'supergroup' ? addToFeed(chat.feed, kind, message) : null;
    const readers = this.#readersOf(chat).filter(
      (account) => idFor(message, account) !== undefined,
    );
    return readers.map((account) => ({
      account,
      event: shared ?? addToFeed(account.feed, kind, message),
    }));
  }

  /** Members who have a login; nobody else looks. */
  #readersOf({ members }: Chat): Account[] {
    return [...members.values()].filter(({ logins }) => logins.length > 0);
  }

  #mentionsIn(text: string, linked: readonly Account[]): Mention[] {
    const found: Mention[] = [...text.matchAll(/@(\w{3,32})/g)].flatMap((match) => {
      const user = this.#world.byUsername(match[1] as string);
      return user === null
        ? []
        : [{ user, offset: match.index, length: match[0].length, isByUsername: true }];
    });
    for (const user of linked) {
      const offset = text.indexOf(user.firstName);
      if (offset < 0) throw new RangeError(`the text does not hold the name ${user.firstName}`);
      found.push({ user, offset, length: user.firstName.length, isByUsername: false });
    }
    return found.sort((a, b) => a.offset - b.offset);
  }

  #record({ ref, chat, sender, text, replyTo, action }: Message, { nowMs, keyId }: Draft): void {
    this.said.push({
      ...{
        ref,
        at: nowMs,
        chatId: recordedId(chat, sender),
        userId: sender === null ? null : String(sender.userId),
      },
      ...{
        keyId: keyId ?? null,
        text,
        replyTo: replyTo?.ref ?? null,
        kind: action?.kind ?? 'message',
      },
    });
    if (this.said.length > RECORDED) this.said.shift();
  }
}

function recordedId(chat: Chat, sender: Account | null): string {
  if (chat.kind !== 'private') return chat.chatId;
  return String(partnerOf(chat, sender ?? ([...chat.members.values()][0] as Account)).userId);
}

/** Row that counts a chat's events for an account. */
export function feedOf(chat: Chat, account: Account): Feed {
  return chat.kind === 'supergroup' ? chat.feed : account.feed;
}
