import type { ChatEvent, OutgoingMessage } from '../../protocol/chat.ts';
import type { Failure } from './classify-error.ts';

/**
 * What a session string and {@link WorkerConfig} say about one account. `authKey` is the secret.
 */
export interface TelegramCredentials {
  readonly dcId: number;
  /** IP address of the data centre; no name, so nothing is ever looked up. */
  readonly address: string;
  /** 256 bytes. */
  readonly authKey: Buffer;
  readonly apiId: number;
  readonly apiHash: string;
  readonly deviceModel: string;
  readonly systemVersion: string;
  readonly appVersion: string;
  readonly langCode: string;
}

/** Who the session is, as Telegram answered. */
export interface TelegramSelf {
  /** Decimal text. */
  readonly userId: string;
  /** Without `@`. */
  readonly username: string | null;
  /** Round trip of the question, ms. */
  readonly latencyMs: number;
}

/**
 * The end of a connection, or the refusal of one. `message` names the code only and holds no
 * secret.
 */
export class TelegramFailure extends Error {
  override readonly name = 'TelegramFailure';
  readonly failure: Failure;

  constructor(failure: Failure, message: string) {
    super(message);
    this.failure = failure;
  }
}

/**
 * The gate holds the account: Telegram's time says that this machine stood still. Nothing of the
 * key was shown. `message` says why.
 */
export class HeldFailure extends Error {
  override readonly name = 'HeldFailure';
}

/** A group that the account is in. */
export interface ChatGroup {
  /** Marked form, see protocol/chat.ts. */
  readonly chatId: string;
  readonly title: string;
  /** Id of the newest message, as this account counts; 0 in an empty group. */
  readonly lastMessageId: number;
}

export interface GroupList {
  readonly groups: readonly ChatGroup[];
  /** Everything could be read: the account is in no other group. */
  readonly isWhole: boolean;
}

/** How far back {@link TelegramLink.readMissed} reads. */
export interface MissedLimits {
  /** So many messages in any case, at most 10,000. */
  readonly least: number;
  /** So many while they are younger than `sinceMs`, at most 10,000. */
  readonly most: number;
  /** Telegram's time, ms since the epoch. */
  readonly sinceMs: number;
}

export interface MissedEvents {
  /** Oldest first. */
  readonly events: readonly ChatEvent[];
  /** Highest id that was read, also of what is no event; 0: there was nothing. */
  readonly newestId: number;
  /** Messages that this release cannot read: each was skipped alone. */
  readonly unreadable: number;
  /** False: the limits ended it, older ones were left out. */
  readonly isComplete: boolean;
}

/** Telegram's word that something was said. */
export interface SentMessage {
  /** null: Telegram knew the `randomId` already, so this was said before; nothing was said now. */
  readonly messageId: number | null;
  /** Telegram's time, ms since the epoch, whole seconds; our own where it was said before. */
  readonly sentAtMs: number;
}

/**
 * Whether the account is in a group. `moved`: the group was made into the supergroup `to` (marked
 * id), where everybody is now.
 */
export type Membership =
  | { readonly is: 'in' | 'out' }
  | { readonly is: 'moved'; readonly to: string };

/**
 * Who hears what happens. All are called outside of any other call of the link, one after the
 * other, and must not throw.
 */
export interface ChatListener {
  /**
   * An event of a group or a private chat, in the order in which Telegram told them; within one
   * chat that is the order in which they
   * happened. What this link itself has sent is not heard; what another device of the account says
   * is (`isOwn`). After a gap an event
   * may be heard here and come from `readAfter` as well. Broadcast channels are passed over.
   */
  readonly onEvent: (event: ChatEvent) => void;
  /**
   * Events of this chat were not told and never will be: Telegram's counters show a hole (looked at
   * for 500 ms, because Telegram may
   * tell things in another order), Telegram says so, a sender is not known here, or too much
   * happened before `listen`. They are to be had by `readAfter`.
   * null: of any basic group or private chat, or of all.
   */
  readonly onGap: (chatId: string | null) => void;
  /**
   * Telegram has told that the account is in a group or not, other than it was known before on this
   * connection.
   */
  readonly onMembership: (chatId: string, membership: Membership) => void;
}

/**
 * Telegram for one account. A second implementation must pass
 * `test/hostside/worker/telegram/telegram-contract.ts`. The rule above all others: two
 * connections of one key are never open at once (docs/exclusivity.md, row 18); whatever rejects or
 * resolves here has closed before it does.
 */
export interface TelegramPort {
  /**
   * One try: opens the only connection and asks who we are. Rejects with TelegramFailure when that
   * fails, takes longer than 30 s or
   * `signal` aborts; then the socket is closed already. Throws Error when a link of this port is
   * still open. Never retries, never
   * sleeps, never connects to another address. Rejects with HeldFailure when the key must not be
   * used on this machine now.
   */
  connect(signal: AbortSignal): Promise<TelegramLink>;
  /**
   * How long Telegram may still count the last connection, ms: from the last byte received on,
   * unless it has closed its own side. The key must be used nowhere
   * until then. 0: there was none, or Telegram counts it no more. Meaningless while a link is open.
   */
  lingerLeftMs(): number;
}

/** One connection, from online to its end. It never reconnects by itself. */
export interface TelegramLink {
  readonly self: TelegramSelf;
  /**
   * Asks again who we are, at most 15 s. Rejects with TelegramFailure; the link then stays open
   * unless `lost` says otherwise.
   */
  check(): Promise<TelegramSelf>;
  /**
   * Resolves when the connection has ended for any reason but `close`: closed by Telegram, silent
   * for 20 s, or told that the account or its key is at its end.
   * The socket is closed by then. Never rejects.
   */
  readonly lost: Promise<TelegramFailure>;
  /**
   * From now on `listener` hears what happens; it replaces the one before. What happened since the
   * connection came about and nobody
   * listened to comes first, at most the newest 1,000 events; then `onGap(null)` if there were
   * more.
   */
  listen(listener: ChatListener): void;
  /**
   * All groups that the account is in, at most the 500 with the newest messages, in no order. Asks
   * Telegram (100 groups a request); rejects with
   * TelegramFailure. Needed by nobody else here: `send` and the others find a group by themselves.
   */
  groups(): Promise<GroupList>;
  /**
   * Says something in a group that the account is in, at most 15 s. Messages of one group are said
   * in the order of the calls when each
   * waits for the one before. Rejects with TelegramFailure and never waits for Telegram's sake nor
   * tries again; what follows from a failure says `classifyRefusal`. After any
   * failure without an answer of Telegram it is not known whether it was said: sending again with
   * the same `randomId` says it once.
   */
  send(message: OutgoingMessage): Promise<SentMessage>;
  /**
   * Shows "is typing" in a group for some 6 s or until the next message. Rejects as `send` does;
   * nobody is harmed by leaving that out.
   */
  typing(chatId: string): Promise<void>;
  /**
   * The newest `limit` (1-1000) events of a group after message `afterMessageId` (0: from the
   * beginning), oldest first, own ones
   * included, those that were heard before too; `isEdit` is false, since only the latest version is
   * to be had, and what was deleted is missing. One request
   * for each 100. Rejects with TelegramFailure as `send` does.
   */
  readAfter(chatId: string, afterMessageId: number, limit: number): Promise<readonly ChatEvent[]>;
  /**
   * As `readAfter`, for what was missed: page by page back to `afterMessageId` or to the limits,
   * around what cannot be read.
   */
  readMissed(chatId: string, afterMessageId: number, limits: MissedLimits): Promise<MissedEvents>;
  /**
   * Says goodbye and waits for Telegram's, at most `graceMs` (default 2 s), then resets: nothing
   * that was queued leaves afterwards.
   * Resolves when the socket is closed; never rejects; safe to repeat.
   */
  close(graceMs?: number): Promise<void>;
}
