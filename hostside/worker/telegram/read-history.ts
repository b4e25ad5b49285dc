import { isUnreadableAnswer } from './gramjs-failure.ts';
import type { MissedLimits } from './telegram-port.ts';

/**
 * Where a page of a history begins: `addOffset` messages behind `offsetId` (0: the newest),
 * backwards.
 */
export interface HistoryPlace {
  readonly offsetId: number;
  readonly addOffset: number;
  readonly limit: number;
}

interface Dated {
  readonly id: number;
  /** Seconds since the epoch; an empty message has none. */
  readonly date?: number;
}

interface History<M> {
  /** Newest first. */
  readonly messages: readonly M[];
  readonly unreadable: number;
  readonly isComplete: boolean;
}

const pageSize = 100;
/** More than this is no message that is too new, but a release that is too old: then it fails. */
const mostUnreadable = 20;

/**
 * Reads a history page by page, newest first. A page that cannot be read is asked for in halves
 * until the one message is found that is to blame, and that one
 * is passed over. Rejects as `ask` does.
 */
export const readHistory = async <M extends Dated>(
  { least, most, sinceMs }: MissedLimits,
  ask: (offsetId: number, addOffset: number, limit: number) => Promise<readonly M[]>,
): Promise<History<M>> => {
  const messages: M[] = [];
  const limit = (): number =>
    (messages.at(-1)?.date ?? Number.POSITIVE_INFINITY) * 1_000 >= sinceMs ? most : least;
  let [unreadable, skipped, size] = [0, 0, pageSize];
  while (messages.length < limit()) {
    const asked = Math.min(limit() - messages.length, size);
    try {
      const page = await ask(messages.at(-1)?.id ?? 0, skipped, asked);
      messages.push(...page);
      if (page.length < asked) return { messages, unreadable, isComplete: true };
      skipped = 0;
      size = Math.min(pageSize, size * 2);
    } catch (error) {
      if (!isUnreadableAnswer(error) || unreadable >= mostUnreadable) throw error;
      if (asked === 1) [unreadable, skipped] = [unreadable + 1, skipped + 1];
      size = Math.max(1, Math.floor(asked / 2));
    }
  }
  return { messages, unreadable, isComplete: false };
};
