import type { ChatMessage } from '../protocol/chat.ts';
import { type Heard, type ReadyChat, type ReadySharing, sharingAt } from './conduct.ts';
import { rendezvousRank } from './hash.ts';
import type { Slot } from './verdict.ts';

/**
 * Between the end of one account's slot and the next one's beginning, ms: clocks differ, and a
 * message takes time to arrive.
 */
export const slotGuardMs = 3_000;

/**
 * A stretch of time in which an account may answer, ms since the epoch. `slot` null: it is alone in
 * the chat.
 */
export interface TimeWindow {
  readonly fromMs: number;
  readonly toMs: number;
  readonly slot: Slot | null;
}

/**
 * Which of the names that belong to the chat's accounts is mentioned first: -1 none, else an index
 * into `mentions`.
 */
const firstColleague = (mentions: readonly string[], { colleagueNames }: ReadySharing): number =>
  mentions.findIndex((name) => colleagueNames.has(name));

/**
 * The positions of this account in one round, best first, and the length of the round. Everybody
 * works it out alone, so it follows only from what everybody sees:
 * a message that replies to something begins with a position for the author of what it replies to,
 * one that mentions accounts of the fleet with a position for
 * the first of them; all accounts follow in the order of the rendezvous hash.
 */
const positionsOf = (
  heard: Heard,
  sharing: ReadySharing,
  identity: string,
): { readonly own: readonly number[]; readonly of: number } => {
  const message: ChatMessage | null = heard.event.kind === 'message' ? heard.event : null;
  const replies = message !== null && message.replyTo !== null ? 1 : 0;
  const named = firstColleague(heard.mentions, sharing);
  const mentions = named >= 0 ? 1 : 0;
  const isNamed = mentions === 1 && heard.mentions[named] === heard.self.username?.toLowerCase();
  const rank = replies + mentions + rendezvousRank(identity, heard.self.keyId, sharing.keyIds);
  return {
    own: [
      ...(replies === 1 && message?.isReplyToMe ? [0] : []),
      ...(isNamed ? [replies] : []),
      rank,
    ],
    of: replies + mentions + sharing.keyIds.length,
  };
};

/**
 * When this account may answer a message of `sentAtMs`: its first slot that leaves time for an
 * answer which takes `needMs` after `nowMs`. Slots of two accounts never
 * overlap. The round begins again when nobody has answered, until the message is stale at
 * `staleAtMs`; null: no slot is left, or the account did not share the chat
 * yet when the message was sent.
 */
export const nextWindow = (
  heard: Heard,
  chat: ReadyChat,
  identity: string,
  time: {
    readonly sentAtMs: number;
    readonly nowMs: number;
    readonly needMs: number;
    readonly staleAtMs: number;
  },
): TimeWindow | null => {
  const sharing = sharingAt(chat, time.sentAtMs);
  if (!sharing.keyIds.includes(heard.self.keyId)) return null;
  if (sharing.keyIds.length === 1) {
    const isLate = time.nowMs + time.needMs > time.staleAtMs;
    return isLate ? null : { fromMs: time.nowMs, toMs: time.staleAtMs, slot: null };
  }
  const { slotMs } = sharing;
  const { own, of } = positionsOf(heard, sharing, identity);
  const firstRound = Math.max(0, Math.floor((time.nowMs - time.sentAtMs) / (slotMs * of)));
  for (const round of [firstRound, firstRound + 1]) {
    for (const position of own) {
      const fromMs = time.sentAtMs + (round * of + position) * slotMs;
      const toMs = fromMs + slotMs - slotGuardMs;
      const startMs = Math.max(fromMs, time.nowMs);
      if (startMs >= time.staleAtMs) continue;
      if (startMs + time.needMs <= toMs)
        return { fromMs: startMs, toMs, slot: { position, of, round } };
    }
  }
  return null;
};
