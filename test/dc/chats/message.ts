import type { Account } from '../world/world.ts';
import type { Feed } from './feed.ts';

/** A supergroup counts its messages by itself; in a basic group every account does. */
export type GroupKind = 'supergroup' | 'group';

/** `muted`: reads, may not write. `banned`: neither. */
export type Restriction = 'muted' | 'banned';

/**
 * `left`: by themselves; `removed`: by an administrator, and they may not come back by themselves.
 */
export type Departure = 'left' | 'removed';

export interface Group {
  readonly kind: GroupKind;
  /** As the API counts, without a mark. */
  readonly id: bigint;
  /** Marked: `-100...` for a supergroup, `-...` for a basic group. */
  readonly chatId: string;
  title: string;
  /** By user id. */
  readonly members: Map<string, Account>;
  readonly restricted: Map<string, Restriction>;
  /** Who was in it, by user id. */
  readonly gone: Map<string, Departure>;
  /** What a basic group was made into; nobody is in it any more. */
  movedTo: Group | null;
  /** Only of a supergroup. */
  readonly feed: Feed;
  readonly createdS: number;
  slowModeSeconds: number;
  /** When an account last wrote, ms, by user id. */
  readonly wroteAt: Map<string, number>;
  /** Plain messages of a basic group are pushed in the API's short form, without the users. */
  readonly isBrief: boolean;
  /** The newest messages, oldest first; deleted ones are not there. */
  history: Message[];
}

/** Two users in private. */
export interface Private {
  readonly kind: 'private';
  readonly members: ReadonlyMap<string, Account>;
  history: Message[];
}

export type Chat = Group | Private;

/** What a service message says. */
export type Action =
  | { readonly kind: 'joined'; readonly users: readonly Account[]; readonly isByLink: boolean }
  | { readonly kind: 'left'; readonly user: Account }
  | { readonly kind: 'pinned' }
  | { readonly kind: 'title'; readonly title: string }
  | { readonly kind: 'moved'; readonly to: Group };

export interface Mention {
  readonly user: Account;
  /** UTF-16 units in the text. */
  readonly offset: number;
  readonly length: number;
  /** `@name` in the text, as opposed to a link to the user behind a word. */
  readonly isByUsername: boolean;
}

export interface Message {
  /** Counts over the whole data centre, from 1. */
  readonly ref: number;
  readonly chat: Chat;
  /** Null: the group speaks as itself. */
  readonly sender: Account | null;
  readonly dateS: number;
  text: string;
  mentions: readonly Mention[];
  readonly hasMedia: boolean;
  /** Its media is of a kind that no client knows. */
  readonly isUnreadable: boolean;
  /** Forgotten with the message itself, so that long conversations do not stay in memory. */
  replyTo: Message | null;
  readonly action: Action | null;
  editedS: number | null;
  isDeleted: boolean;
  /** In a supergroup; 0 elsewhere. */
  readonly id: number;
  /** Elsewhere: by user id of the account that counts. */
  readonly ids: Map<string, number>;
}

export function markedId(kind: GroupKind, id: bigint): string {
  return `-${kind === 'supergroup' ? 1_000_000_000_000n + id : id}`;
}

/** Number of a message as `viewer` counts; undefined where it has none. */
export function idFor(message: Message, viewer: Account): number | undefined {
  return message.chat.kind === 'supergroup' ? message.id : message.ids.get(String(viewer.userId));
}

/** The other one of a private chat; the only one of a chat with oneself. */
export function partnerOf(chat: Private, viewer: Account): Account {
  return [...chat.members.values()].find((member) => member !== viewer) ?? viewer;
}

/** What Telegram calls a mention: being named, and being replied to. Nobody mentions themselves. */
export function isMentioned(message: Message, viewer: Account): boolean {
  if (message.sender === viewer) return false;
  return message.replyTo?.sender === viewer || message.mentions.some(({ user }) => user === viewer);
}
