/**
 * How often something happened in the last 60 minutes, as plain data: minute of the epoch, count,
 * minute, count ... in rising order. At most 122 minutes are kept (61 back, and as many ahead where
 * the clock was set back),
 * and the oldest counts as a whole, so that any 60 minutes hold at most what was allowed: errors
 * are on the side of silence.
 */
export type HourWindow = number[];

const minuteMs = 60_000;
const keptMinutes = 61;

/**
 * Forgets what is older than an hour. What lies more than an hour ahead (the clock was wrong, and
 * set back) is moved to this minute, so that silence ends.
 */
const settle = (window: HourWindow, minute: number): void => {
  let gone = 0;
  while (gone < window.length && (window[gone] ?? 0) <= minute - keptMinutes) gone += 2;
  if (gone > 0) window.splice(0, gone);
  let early = 0;
  while (window.length > 0 && (window.at(-2) ?? 0) > minute + keptMinutes)
    early += window.splice(-2)[1] ?? 0;
  if (early > 0) add(window, minute, early);
};

/** Minutes stay in order: after a small step back of the clock the last one goes on. */
const add = (window: HourWindow, minute: number, count: number): void => {
  if ((window.at(-2) ?? Number.NEGATIVE_INFINITY) >= minute)
    window[window.length - 1] = (window.at(-1) ?? 0) + count;
  else window.push(minute, count);
};

export const countInHour = (window: HourWindow, nowMs: number): number => {
  settle(window, Math.floor(nowMs / minuteMs));
  let count = 0;
  for (let at = 1; at < window.length; at += 2) count += window[at] ?? 0;
  return count;
};

export const addToHour = (window: HourWindow, nowMs: number): void => {
  const minute = Math.floor(nowMs / minuteMs);
  settle(window, minute);
  add(window, minute, 1);
};

/** When the oldest minute that counts falls out, ms since the epoch; null: nothing counts. */
export const hourFreeAtMs = (window: HourWindow): number | null =>
  window.length === 0 ? null : ((window[0] ?? 0) + keptMinutes) * minuteMs;
