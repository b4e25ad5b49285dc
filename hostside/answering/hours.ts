import type { WorkingHours } from '../protocol/behaviour.ts';

/**
 * Answers whether it is open at a time (ms since the epoch): `hours` and `holiday` are why it is
 * not.
 */
export type OpenAt = (atMs: number) => 'open' | 'hours' | 'holiday';

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** Clock time in a zone, `HH:MM`. */
export const clockIn = (timeZone: string): ((atMs: number) => string) => {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  return (atMs) => format.format(atMs);
};

/**
 * The working hours as a question. Times are those on a wall clock in the zone, so that summer time
 * needs no rule of its own. The formatter is made once (it costs
 * more than a thousand questions) and the answer holds for the minute. Throws RangeError for a zone
 * that this Node.js does not know.
 */
export const openAt = (hours: WorkingHours): OpenAt => {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: hours.timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const holidays = new Set(hours.holidays);
  const judge: OpenAt = (atMs) => {
    const parts: Record<string, string> = {};
    for (const { type, value } of format.formatToParts(atMs)) parts[type] = value;
    if (holidays.has(`${parts.year}-${parts.month}-${parts.day}`)) return 'holiday';
    const day = days.indexOf(parts.weekday ?? '');
    const minute = Number(parts.hour) * 60 + Number(parts.minute);
    return hours.spans.some((span) => span.day === day && span.from <= minute && minute < span.to)
      ? 'open'
      : 'hours';
  };
  let known: { readonly minute: number; readonly answer: ReturnType<OpenAt> } | null = null;
  return (atMs) => {
    const minute = Math.floor(atMs / 60_000);
    if (known?.minute !== minute) known = { minute, answer: judge(atMs) };
    return known.answer;
  };
};
