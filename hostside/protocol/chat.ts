/** A person or bot as a group shows it. `id`: decimal text. */
export interface ChatUser {
  readonly id: string;
  readonly isBot: boolean;
  readonly firstName: string;
  /** Without `@`. */
  readonly username: string | null;
  /** IETF language of the user's app, where Telegram tells it. */
  readonly language: string | null;
}

/**
 * Something that happened in a group. `chatId` is decimal text in the marked form: `-100...` a
 * supergroup, `-...` a basic group, without a sign a private chat.
 * `messageId` is the same for all members of a supergroup; in a basic group every member counts by
 * itself.
 */
export interface ChatMessage {
  readonly kind: 'message';
  readonly chatId: string;
  readonly messageId: number;
  /** null: the group speaks as itself (an anonymous administrator, a linked channel). */
  readonly sender: ChatUser | null;
  /** Telegram's time, ms since the epoch, whole seconds. */
  readonly sentAtMs: number;
  /** Empty for media without a caption. */
  readonly text: string;
  readonly replyTo: number | null;
  /** The message replied to is one of this account. */
  readonly isReplyToMe: boolean;
  /** Telegram says that this account is mentioned. */
  readonly isMention: boolean;
  readonly hasMedia: boolean;
  /** Sent by this account, from here or from another of its devices. */
  readonly isOwn: boolean;
  /** A changed version of an earlier message. */
  readonly isEdit: boolean;
}

export interface ChatJoin {
  readonly kind: 'joined';
  readonly chatId: string;
  readonly messageId: number;
  readonly users: readonly ChatUser[];
  readonly sentAtMs: number;
}

export type ChatEvent = ChatMessage | ChatJoin;

/**
 * What an account says. Repeating it with the same `randomId` says it once: Telegram knows it
 * again.
 */
export interface OutgoingMessage {
  readonly chatId: string;
  /** 1-4096 characters. */
  readonly text: string;
  readonly replyTo: number | null;
  /** Signed 64-bit integer as decimal text. */
  readonly randomId: string;
}
