import type { Item, Message } from './message.ts';

/** A message on its way along one route. Times in ms since the epoch. */
export interface Outgoing {
  readonly id: string;
  /** Channels in the order in which they are tried. */
  readonly route: readonly string[];
  readonly message: Message;
  readonly attempts: number;
  /**
   * Nobody has it: every channel that was tried has refused it. Otherwise a sweep may have been
   * killed when one had just taken it.
   */
  readonly isRefused: boolean;
  /** Not before then. */
  readonly nextTryAt: number;
}

/**
 * Waiting time after the n-th failed try of a whole route, ms: one minute, doubled, at most an
 * hour. Pure.
 */
export const retryAfterMs = (attempts: number): number =>
  Math.min(3_600_000, 60_000 * 2 ** Math.min(10, Math.max(0, attempts - 1)));

export interface Settled {
  /** What is to be told now, in one message. */
  readonly items: readonly Item[];
  /** Waiting messages that changed. Without items: to be dropped. */
  readonly changed: readonly Outgoing[];
}

/**
 * What is told on one route after a sweep: what its channels have refused so far becomes part of
 * the new message, so that a channel that is back gets one. What somebody may have taken
 * stays as it is, with its id. An end is told only where the beginning was: what
 * begins and ends while a route takes nothing is told to nobody on it; what goes on is told once,
 * not again and again. Pure.
 */
export function settleRoute(
  items: readonly Item[],
  waiting: readonly Outgoing[],
  recompose: (message: Message, items: readonly Item[]) => Message,
): Settled {
  const untold = waiting.flatMap(({ message }) => message.items);
  const begun = new Set(untold.filter(({ status }) => status === 'firing').map(({ key }) => key));
  const known = new Set(
    untold.filter(({ status }) => status === 'firing' || status === 'worse').map(({ key }) => key),
  );
  const ended = new Set(
    items.filter(({ status, key }) => status === 'over' && begun.has(key)).map(({ key }) => key),
  );
  const fresh = items.filter(
    ({ status, key }) =>
      !(status === 'over' && ended.has(key)) && !(status === 'again' && known.has(key)),
  );
  const isMerged = ({ isRefused }: Outgoing): boolean => isRefused && fresh.length > 0;
  const left = ({ message }: Outgoing): readonly Item[] =>
    message.items.filter(({ key }) => !ended.has(key));
  const changed = waiting.flatMap((outgoing): Outgoing[] => {
    const own = isMerged(outgoing) ? [] : left(outgoing);
    return own.length === outgoing.message.items.length
      ? []
      : [{ ...outgoing, message: recompose(outgoing.message, own) }];
  });
  return { items: waiting.filter(isMerged).flatMap(left).reduceRight(precede, fresh), changed };
}

/**
 * An item before later ones: what a later one says of the same alert is newer, but who has not
 * heard of it hears of it as new.
 */
function precede(later: readonly Item[], item: Item): readonly Item[] {
  const isSame = ({ key, status }: Item): boolean =>
    key === item.key && status !== 'firing' && status !== 'news';
  if (item.status === 'news' || item.status === 'over' || !later.some(isSame))
    return [item, ...later];
  return item.status === 'firing'
    ? later.map((each) => (isSame(each) ? { ...each, status: 'firing' as const } : each))
    : later;
}
