import type { ChatEvent } from '../protocol/chat.ts';
import type { HourWindow } from './hour-window.ts';

/** One message of a group's recent talk. */
export interface ContextLine {
  readonly id: number;
  /** Who said it, for the model; an empty name: the account itself. */
  readonly name: string;
  /** Decimal text; null: the group itself. */
  readonly userId: string | null;
  readonly text: string;
}

/** What is remembered about one group. Plain JSON. */
export interface ChatMemory {
  /** Highest message id that was read: catching up starts behind it. */
  lastReadId: number;
  /** Ids up to this one are taken for read. */
  seenFloor: number;
  /** Read ids above the floor. */
  seen: number[];
  /** Ids of messages that this or another account of the fleet has answered. */
  answered: number[];
  context: ContextLine[];
  said: HourWindow;
  /** Sending is not possible before this time, ms since the epoch; 0: it is. */
  blockedUntilMs: number;
  blockedBy: 'slow-mode' | 'write-forbidden';
}

/** What is remembered about one person, over all groups. */
export interface PersonMemory {
  said: HourWindow;
  /** Was answered before, by this account: has seen the disclosure. */
  isMet: boolean;
}

/** A decided answer that was neither sent nor given up: decided again after a crash or a move. */
export interface PendingAnswer {
  readonly event: ChatEvent;
  readonly cause: 'rule' | 'opt-out' | 'handover';
  /** It counts in the limits already. */
  isCounted: boolean;
}

/**
 * All that an account remembers. It is changed in place (a copy per message would cost more than
 * the decision), by nothing but this room's functions, and depends on
 * nothing but their arguments: the same calls lead to the same memory. Maps are in the order of
 * use; the oldest goes when the bound is reached.
 */
export interface Memory {
  readonly chats: Map<string, ChatMemory>;
  readonly people: Map<string, PersonMemory>;
  /** User id -> when, ms. */
  readonly optOuts: Map<string, number>;
  /** Chat and user -> until when a person has the conversation, ms. */
  readonly handovers: Map<string, number>;
  /** Chat and user -> when an account of the fleet last answered there, ms. */
  readonly talks: Map<string, number>;
  /** By random id. */
  readonly pending: Map<string, PendingAnswer>;
  /** Rule -> how many of its texts were said. */
  readonly turns: Map<string, number>;
  said: HourWindow;
  /** No message may be sent before this time, ms since the epoch. */
  floodUntilMs: number;
}

/**
 * How many entries each part keeps at most. With 50 groups of 100 messages the whole is below 4 MB
 * of JSON.
 */
export const memoryBounds = {
  chats: 200,
  seen: 600,
  answered: 300,
  context: 100,
  contextCharacters: 600,
  people: 10_000,
  optOuts: 20_000,
  handovers: 5_000,
  talks: 5_000,
  pending: 500,
  turns: 500,
} as const;

export const emptyMemory = (): Memory => ({
  chats: new Map(),
  people: new Map(),
  optOuts: new Map(),
  handovers: new Map(),
  talks: new Map(),
  pending: new Map(),
  turns: new Map(),
  said: [],
  floodUntilMs: 0,
});

/**
 * Writes an entry as the one used last. Above `bound` the oldest tenth goes at once: finding the
 * first entry of a map costs a walk over all that were deleted in front of it.
 */
export const remember = <Value>(
  map: Map<string, Value>,
  key: string,
  value: Value,
  bound: number,
): void => {
  map.delete(key);
  map.set(key, value);
  if (map.size <= bound) return;
  let surplus = Math.ceil(bound / 10);
  for (const oldest of map.keys()) {
    if (surplus === 0) return;
    map.delete(oldest);
    surplus -= 1;
  }
};

/** Appends, and drops the oldest fifth when `bound` is passed. */
export const append = <Item>(list: Item[], item: Item, bound: number): void => {
  list.push(item);
  if (list.length > bound) list.splice(0, Math.ceil(bound / 5));
};

export const chatMemory = (memory: Memory, chatId: string): ChatMemory => {
  const known = memory.chats.get(chatId);
  if (known !== undefined) return known;
  const fresh: ChatMemory = {
    lastReadId: 0,
    seenFloor: 0,
    seen: [],
    answered: [],
    context: [],
    said: [],
    blockedUntilMs: 0,
    blockedBy: 'slow-mode',
  };
  remember(memory.chats, chatId, fresh, memoryBounds.chats);
  return fresh;
};

export const personMemory = (memory: Memory, userId: string): PersonMemory =>
  memory.people.get(userId) ?? { said: [], isMet: false };

export const talkKey = (chatId: string, userId: string): string => `${chatId} ${userId}`;

/**
 * Forgets what no longer counts: hand-overs that ended, conversations older than an hour, groups
 * that the account left. Nothing depends on it but size: entries that ended are
 * passed over anyway. Once a minute is enough.
 */
export const prune = (memory: Memory, allowedChats: ReadonlySet<string>, nowMs: number): void => {
  for (const [key, untilMs] of memory.handovers) if (untilMs <= nowMs) memory.handovers.delete(key);
  for (const [key, atMs] of memory.talks) if (atMs <= nowMs - 3_600_000) memory.talks.delete(key);
  for (const chatId of memory.chats.keys())
    if (!allowedChats.has(chatId)) memory.chats.delete(chatId);
};
