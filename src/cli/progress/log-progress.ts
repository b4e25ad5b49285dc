import { counted } from '../../model/counted.ts';
import { formatAge } from '../../model/time-words.ts';
import { visibleLine } from '../../model/visible.ts';
import type { Progress } from '../../verbs/desk.ts';
import type { FleetEvent } from '../../workflows/context.ts';

/** A host that has reported nothing for this long is named again with its current step, ms. */
const quietMs = 30_000;

const sizes = (event: Extract<FleetEvent, { kind: 'host' }>): string => {
  const { count, bytes } = event;
  const parts = [
    ...(count === undefined ? [] : [`${count.done} of ${count.of} steps`]),
    ...(bytes === undefined
      ? []
      : [`${(bytes.sent / 1e6).toFixed(1)} of ${(bytes.of / 1e6).toFixed(1)} MB`]),
  ];
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
};

function bodyOf(event: FleetEvent): string {
  if (event.kind === 'phase') return event.text;
  if (event.kind === 'host')
    return `${event.status === 'failed' ? '✗ ' : ''}${event.host}: ${event.text}`;
  if (event.kind === 'expected')
    return `${counted(event.accounts.length, 'account')} to bring online`;
  return (
    `${event.account}: ${event.state} on ` +
    `${event.host}${event.reason === '' ? '' : `: ${event.reason}`}`
  );
}

/** The event as one line of a log, with the time (UTC). */
export const logLine = (event: FleetEvent, nowMs: number): string =>
  `${new Date(nowMs).toISOString().slice(11, 19)} ${visibleLine(bodyOf(event))}`;

/**
 * For logs: one line per event, and one every half minute for each host that is still at the same
 * thing, so that nobody takes a slow
 * package server for a hang. `now` in ms; `every` calls back again and again and returns how to
 * stop that. `hasBrief`: what goes by fast, too.
 */
export function logProgress(
  print: (line: string) => void,
  now: () => number,
  every: (ms: number, act: () => void) => () => void,
  hasBrief = false,
): Progress {
  const last = new Map<
    string,
    { event: Extract<FleetEvent, { kind: 'host' }>; readonly sinceMs: number; saidMs: number }
  >();
  const look = (): void => {
    for (const its of last.values()) {
      if (now() - its.saidMs < quietMs) continue;
      its.saidMs = now();
      const { event } = its;
      print(
        logLine(
          {
            ...event,
            text: `still at ${event.text}${sizes(event)}, ${formatAge(now() - its.sinceMs)} so far`,
          },
          now(),
        ),
      );
    }
  };
  let stop: (() => void) | null = null;
  return {
    report: (event) => {
      if (event.kind === 'host') {
        stop ??= every(quietMs / 6, look);
        const before = last.get(event.host);
        const isBrief = event.isBrief === true;
        if (event.status !== 'working') last.delete(event.host);
        else {
          const sinceMs = before?.event.text === event.text ? before.sinceMs : now();
          last.set(event.host, {
            event,
            sinceMs,
            saidMs: isBrief ? (before?.saidMs ?? now()) : now(),
          });
        }
      }
      if (hasBrief || !('isBrief' in event) || event.isBrief !== true) print(logLine(event, now()));
    },
    hold: async () => undefined,
    stop: async () => {
      stop?.();
      last.clear();
    },
  };
}
