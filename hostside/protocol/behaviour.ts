/**
 * What an account does once it is online: its script, its groups, its limits. Made from the
 * inventory and a script file by the operator's side, checked there, and
 * read by the worker from `KEYID.json` in `hostPaths.behaviour`, also while it runs. It holds no
 * secret: the model's key is part of the config credential.
 */
export interface Behaviour {
  readonly format: 1;
  readonly account: string;
  /** Paused by the operator: stays online, reads, says nothing. */
  readonly isPaused: boolean;
  /** The allow-list. The account answers nowhere else. */
  readonly chats: readonly ChatPolicy[];
  /**
   * User ids of all accounts of the fleet, decimal text: they are not answered unless the script
   * says so.
   */
  readonly fleetUserIds: readonly string[];
  readonly script: Script | null;
  readonly model: ModelSettings | null;
  readonly limits: AnswerLimits;
  /** The operator's test message. */
  readonly test?: TestMessage;
}

/** Said once in an allowed chat, within the limits, unless it is older than ten minutes by then. */
export interface TestMessage {
  /** A word; another one is another message. */
  readonly id: string;
  readonly chatId: string;
  readonly text: string;
  /** ms since the epoch. */
  readonly askedAtMs: number;
}

export interface ChatPolicy extends ChatSharing {
  /** Marked form, see chat.ts. */
  readonly id: string;
  /**
   * What the operator calls it; null: no name. Until Telegram's title is known it stands for
   * `{{group}}`.
   */
  readonly name: string | null;
  /**
   * How messages are shared out that were sent before `untilMs` (ms since the epoch), so that all
   * accounts change over at the same message; absent: as they are from then on.
   */
  readonly former?: ChatSharing & { readonly untilMs: number };
}

/** How the accounts of a chat share its messages out: the same for all of them. */
export interface ChatSharing {
  /** Length of a time slot where several accounts share the chat, ms. */
  readonly slotMs: number;
  /**
   * The accounts that share this group, sorted by key id: one of them answers each message. Who is
   * not among them answers none.
   */
  readonly colleagues: readonly Colleague[];
}

export interface Colleague {
  readonly keyId: string;
  /** Decimal text; null while the account was never online. */
  readonly userId: string | null;
  /** Without `@`; null: none, or not known. */
  readonly username: string | null;
}

/**
 * Answers at most, each in any 60 minutes; null: switched off by the operator. `ceiling` counts
 * everything that the account says and cannot be switched off, only raised.
 */
export interface AnswerLimits {
  readonly perAccount: number | null;
  readonly perChat: number | null;
  readonly perUser: number | null;
  readonly ceiling: number;
}

export interface Script {
  readonly name: string;
  /** First rule that fits answers. */
  readonly rules: readonly Rule[];
  readonly hours: WorkingHours | null;
  readonly delay: AnswerDelay;
  readonly optOut: OptOut;
  /** Added to an account's first answer to a person; null: the operator has switched it off. */
  readonly disclosure: string | null;
  readonly handover: Handover | null;
  /** Answer bots, and answer other accounts of the fleet. Both false unless told. */
  readonly answersBots: boolean;
  readonly answersFleet: boolean;
  /** Messages older than this are read but not answered, ms. */
  readonly staleAfterMs: number;
}

/**
 * A message that is nothing but one of `words` ends all answers to its sender; one of `backWords`
 * brings them back. No words: the operator has switched it off.
 */
export interface OptOut {
  readonly words: readonly string[];
  readonly backWords: readonly string[];
  readonly answer: string | null;
}

export interface Rule {
  readonly name: string;
  readonly trigger: Trigger;
  readonly conditions: Conditions;
  readonly answer: Answer;
}

export type Trigger =
  /** Any of the words, as whole words, without regard to case. */
  | { readonly kind: 'keyword'; readonly words: readonly string[] }
  /**
   * JavaScript with flags `iu`, without look-around and back references, so that matching is
   * bounded: hostside/answering/pattern.ts.
   */
  | { readonly kind: 'pattern'; readonly source: string }
  | { readonly kind: 'mention' }
  | { readonly kind: 'reply' }
  | { readonly kind: 'joined' }
  /** `/name`, with or without `@account`. */
  | { readonly kind: 'command'; readonly name: string }
  /** Every message: last in a script. */
  | { readonly kind: 'any' };

/** All that are set have to hold. Empty lists: no condition. */
export interface Conditions {
  readonly chats: readonly string[];
  /** User ids or usernames without `@`. */
  readonly senders: readonly string[];
  /** Two-letter languages of the sender's app. */
  readonly languages: readonly string[];
  /** 0-1, drawn from the message, so that all accounts of a group draw the same. */
  readonly probability: number;
}

export type Answer =
  /**
   * One of the texts by turns, with variables `{{first_name}}`, `{{username}}`, `{{group}}`,
   * `{{time}}`, `{{account}}`.
   */
  | { readonly kind: 'text'; readonly texts: readonly string[] }
  | { readonly kind: 'model'; readonly instructions: string | null; readonly allowsLinks: boolean }
  /** Silence on purpose. */
  | { readonly kind: 'none' };

export interface WorkingHours {
  /** IANA. */
  readonly timeZone: string;
  /** Minutes of the day, `from` < `to` <= 1440; Sunday is day 0. */
  readonly spans: readonly { readonly day: number; readonly from: number; readonly to: number }[];
  /** `YYYY-MM-DD` in that time zone: closed. */
  readonly holidays: readonly string[];
}

/** Between reading and sending, ms, with a typing indicator in between. */
export interface AnswerDelay {
  readonly leastMs: number;
  readonly mostMs: number;
  readonly isTyping: boolean;
}

/**
 * A person takes over when one of the words stands in a message that is meant for the account: it
 * says `answer` and is silent towards that sender in that chat for `silentMs`.
 */
export interface Handover {
  readonly words: readonly string[];
  readonly answer: string;
  readonly silentMs: number;
}

export interface ModelSettings {
  /** Any OpenAI-compatible address, without a trailing slash. */
  readonly baseUrl: string;
  readonly model: string;
  readonly systemPrompt: string;
  /**
   * Messages of context, 0-100, and tokens of it at most (estimated:
   * hostside/answering/model-request.ts).
   */
  readonly contextMessages: number;
  readonly contextTokens: number;
  readonly answerTokens: number;
  readonly temperature: number | null;
  readonly timeoutMs: number;
  readonly retries: number;
  /** Calls at once. */
  readonly concurrency: number;
  /** Per day (UTC); null: no limit. */
  readonly budgetTokens: number | null;
  readonly budgetMoney: number | null;
  /** Money per million tokens read and written, in the operator's currency. */
  readonly priceIn: number;
  readonly priceOut: number;
  /** Said when the model does not answer; null: silence. */
  readonly fallback: string | null;
  /** Ask the moderation endpoint about each answer before it is sent. */
  readonly isModerated: boolean;
}
