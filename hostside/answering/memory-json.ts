import {
  type ChatMemory,
  type ContextLine,
  emptyMemory,
  type Memory,
  memoryBounds,
  type PendingAnswer,
  type PersonMemory,
} from './memory.ts';

type Raw = Readonly<Record<string, unknown>>;

/** Memory as JSON. Newer formats are not read. */
export interface MemoryJson {
  readonly format: 1;
  readonly chats: readonly (readonly [string, ChatMemory])[];
  readonly people: readonly (readonly [string, PersonMemory])[];
  readonly optOuts: readonly (readonly [string, number])[];
  readonly handovers: readonly (readonly [string, number])[];
  readonly talks: readonly (readonly [string, number])[];
  readonly pending: readonly (readonly [string, PendingAnswer])[];
  readonly turns: readonly (readonly [string, number])[];
  readonly said: readonly number[];
  readonly floodUntilMs: number;
}

/** A view, not a copy: to be made into text before the next decision. */
export const memoryToJson = (memory: Memory): MemoryJson => ({
  format: 1,
  chats: [...memory.chats],
  people: [...memory.people],
  optOuts: [...memory.optOuts],
  handovers: [...memory.handovers],
  talks: [...memory.talks],
  pending: [...memory.pending],
  turns: [...memory.turns],
  said: memory.said,
  floodUntilMs: memory.floodUntilMs,
});

const isRaw = (value: unknown): value is Raw =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= 10_000;
const isNumber = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value);
const isTextOrNull = (value: unknown): value is string | null => value === null || isText(value);

const isListOf = <Item>(
  value: unknown,
  bound: number,
  isItem: (item: unknown) => item is Item,
): value is Item[] => Array.isArray(value) && value.length <= bound && value.every(isItem);

const isWindow = (value: unknown): value is number[] =>
  isListOf(value, 250, isNumber) && value.length % 2 === 0;

const isLine = (value: unknown): value is ContextLine =>
  isRaw(value) &&
  isNumber(value.id) &&
  isText(value.name) &&
  isTextOrNull(value.userId) &&
  isText(value.text);

const isChat = (value: unknown): value is ChatMemory =>
  isRaw(value) &&
  isNumber(value.lastReadId) &&
  isNumber(value.seenFloor) &&
  isListOf(value.seen, memoryBounds.seen, isNumber) &&
  isListOf(value.answered, memoryBounds.answered, isNumber) &&
  isListOf(value.context, memoryBounds.context, isLine) &&
  isWindow(value.said) &&
  isNumber(value.blockedUntilMs) &&
  (value.blockedBy === 'slow-mode' || value.blockedBy === 'write-forbidden');

const isPerson = (value: unknown): value is PersonMemory =>
  isRaw(value) && isWindow(value.said) && typeof value.isMet === 'boolean';

const isUser = (value: unknown): boolean =>
  isRaw(value) &&
  isText(value.id) &&
  typeof value.isBot === 'boolean' &&
  isText(value.firstName) &&
  isTextOrNull(value.username) &&
  isTextOrNull(value.language);

const isEvent = (value: unknown): boolean => {
  if (
    !isRaw(value) ||
    !isText(value.chatId) ||
    !isNumber(value.messageId) ||
    !isNumber(value.sentAtMs)
  )
    return false;
  if (value.kind === 'joined')
    return Array.isArray(value.users) && value.users.length > 0 && value.users.every(isUser);
  if (
    value.kind !== 'message' ||
    !isText(value.text) ||
    !(value.sender === null || isUser(value.sender))
  )
    return false;
  const flags = [value.isReplyToMe, value.isMention, value.hasMedia, value.isOwn, value.isEdit];
  return (
    (value.replyTo === null || isNumber(value.replyTo)) &&
    flags.every((flag) => typeof flag === 'boolean')
  );
};

const isPending = (value: unknown): value is PendingAnswer =>
  isRaw(value) &&
  isEvent(value.event) &&
  typeof value.isCounted === 'boolean' &&
  (value.cause === 'rule' || value.cause === 'opt-out' || value.cause === 'handover');

const fill = <Value>(
  map: Map<string, Value>,
  value: unknown,
  bound: number,
  isValue: (each: unknown) => each is Value,
): boolean => {
  if (!Array.isArray(value) || value.length > bound) return false;
  for (const entry of value) {
    if (!Array.isArray(entry) || entry.length !== 2 || !isText(entry[0]) || !isValue(entry[1]))
      return false;
  }
  for (const [key, each] of value) map.set(key, each);
  return true;
};

/**
 * Memory from what was stored. A part that is damaged begins empty and is named in `damaged` (for
 * example `optOuts`: the operator has to hear of it); where nothing can be read all parts
 * are named. The objects of `value` are taken over, not copied.
 */
export const memoryFromJson = (
  value: unknown,
): { readonly memory: Memory; readonly damaged: readonly string[] } => {
  const memory = emptyMemory();
  const raw = isRaw(value) && value.format === 1 ? value : {};
  const parts: Readonly<Record<string, boolean>> = {
    chats: fill(memory.chats, raw.chats, memoryBounds.chats, isChat),
    people: fill(memory.people, raw.people, memoryBounds.people, isPerson),
    optOuts: fill(memory.optOuts, raw.optOuts, memoryBounds.optOuts, isNumber),
    handovers: fill(memory.handovers, raw.handovers, memoryBounds.handovers, isNumber),
    talks: fill(memory.talks, raw.talks, memoryBounds.talks, isNumber),
    pending: fill(memory.pending, raw.pending, memoryBounds.pending, isPending),
    turns: fill(memory.turns, raw.turns, memoryBounds.turns, isNumber),
    said: isWindow(raw.said),
    floodUntilMs: isNumber(raw.floodUntilMs),
  };
  if (isWindow(raw.said)) memory.said = raw.said;
  if (isNumber(raw.floodUntilMs)) memory.floodUntilMs = raw.floodUntilMs;
  return { memory, damaged: Object.keys(parts).filter((part) => parts[part] === false) };
};
