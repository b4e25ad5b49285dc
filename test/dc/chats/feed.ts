import type { Message } from './message.ts';

/** Something that changed what a client may have stored. */
export interface FeedEvent {
  /** The counter after it. */
  readonly pts: number;
  readonly kind: 'new' | 'edit' | 'delete';
  readonly message: Message;
}

/**
 * A row of counted updates: one for each supergroup, and one for each account with all its other
 * chats.
 */
export interface Feed {
  /** Starts at 1. */
  pts: number;
  /** Starts at 0. */
  lastMessageId: number;
  /** The newest events, oldest first, without a gap. */
  readonly log: FeedEvent[];
}

const LOGGED_EVENTS = 1000;

export function newFeed(): Feed {
  return { pts: 1, lastMessageId: 0, log: [] };
}

/** Counts an event: each is one step. */
export function addToFeed(feed: Feed, kind: FeedEvent['kind'], message: Message): FeedEvent {
  feed.pts += 1;
  const event = { pts: feed.pts, kind, message };
  feed.log.push(event);
  if (feed.log.length > LOGGED_EVENTS) feed.log.shift();
  return event;
}

/** What came after `pts`, at most `limit` events; null when that is no longer known. */
export function feedAfter(feed: Feed, pts: number, limit: number): readonly FeedEvent[] | null {
  const [oldest] = feed.log;
  if (pts < (oldest?.pts ?? feed.pts + 1) - 1) return null;
  return feed.log.filter((event) => event.pts > pts).slice(0, limit);
}
