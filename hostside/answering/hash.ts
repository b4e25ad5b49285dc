import { createHash } from 'node:crypto';
import type { ChatEvent } from '../protocol/chat.ts';

/** 32 bits, well mixed: FNV-1a over UTF-16 units, then the finaliser of MurmurHash3. */
const hash32 = (text: string, seed: number): number => {
  let hash = 0x811c9dc5 ^ seed;
  for (let at = 0; at < text.length; at += 1)
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
};

/** A number in [0, 1) that depends on `text` alone. */
export const draw = (text: string): number => hash32(text, 0x9e3779b9) / 2 ** 32;

/** Groups of the marked form -100... number their messages for all members alike. */
const isSupergroup = (chatId: string): boolean => chatId.startsWith('-100') && chatId.length > 12;

const senderOf = (event: ChatEvent): string =>
  event.kind === 'joined'
    ? event.users.map(({ id }) => id).join(' ')
    : `${event.sender?.id} ${event.text}`;

/**
 * The same text on every account that saw the event. In basic groups two messages of one sender
 * with one text in one second are one.
 */
export const identityOf = (event: ChatEvent): string =>
  isSupergroup(event.chatId)
    ? `${event.chatId} ${event.messageId}`
    : `${event.chatId} ${event.kind} ${event.sentAtMs} ${senderOf(event)}`;

/**
 * Place of `keyId` among `keyIds` by rendezvous hash for `identity`: 0 is first. Everybody who
 * knows the same accounts gets the same order.
 */
export const rendezvousRank = (
  identity: string,
  keyId: string,
  keyIds: readonly string[],
): number => {
  const weight = (each: string): number => hash32(`${each} ${identity}`, 0);
  const own = weight(keyId);
  return keyIds.filter((each) => {
    const other = weight(each);
    return each !== keyId && (other > own || (other === own && each < keyId));
  }).length;
};

/** Telegram's idempotence key, a signed 64-bit integer as decimal text. */
export const randomIdOf = (keyId: string, identity: string, rule: string): string =>
  createHash('sha256')
    .update(`fleet answer v1\0${keyId}\0${identity}\0${rule}`)
    .digest()
    .readBigInt64BE()
    .toString();
