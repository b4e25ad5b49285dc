import type { Item, Message } from './message.ts';

/** A message on its way along one route. Times in ms since the epoch. */
export interface Outgoing {
  readonly id: string;
  /** Channels in the order in which they are tried. */
  readonly route: readonly string[];
  readonly message: Message;
  readonly attempts: number;
  /** Not before then. */
  readonly nextTryAt: number;
}

/** Waiting time after the n-th failed try of a whole route, ms: one minute, doubled, at most an hour. Pure. */
export const retryAfterMs = (attempts: number): number => Math.min(3_600_000, 60_000 * 2 ** Math.min(10, Math.max(0, attempts - 1)));

export interface Settled {
  /** What is still to be told of the items. */
  readonly items: readonly Item[];
  /** Waiting messages, without what has ended before anybody heard of it; without items: dropped. */
  readonly waiting: readonly Outgoing[];
}

/**
 * An end is told only where the beginning was. What begins and ends while a route takes nothing is told to nobody on it; what goes on is told once, not
 * again and again. Pure.
 */
export function settleRoute(
  items: readonly Item[],
  waiting: readonly Outgoing[],
  recompose: (message: Message, items: readonly Item[]) => Message,
): Settled {
  const untold = waiting.flatMap(({ message }) => message.items);
  const begun = new Set(untold.filter(({ status }) => status === 'firing').map(({ key }) => key));
  const worse = new Set(untold.filter(({ status }) => status === 'firing' || status === 'worse').map(({ key }) => key));
  const ended = new Set(items.filter(({ status, key }) => status === 'over' && begun.has(key)).map(({ key }) => key));
  const kept = items.filter(({ status, key }) => !(status === 'over' && ended.has(key)) && !(status === 'again' && worse.has(key)));
  if (ended.size === 0) return { items: kept, waiting };
  const without = waiting.map((outgoing): Outgoing => {
    const left = outgoing.message.items.filter(({ key }) => !ended.has(key));
    return left.length === outgoing.message.items.length ? outgoing : { ...outgoing, message: recompose(outgoing.message, left) };
  });
  return { items: kept, waiting: without };
}
