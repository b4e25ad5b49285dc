import {
  closedGroupsGauge,
  frozenGauge,
  leftGroupsGauge,
  modelRefusedGauge,
} from '../../hostside/protocol/worker.ts';

/** What keeps an account that is online from answering, and what to do about it. */
export interface AccountTrouble {
  readonly level: 'warning' | 'critical';
  readonly text: string;
}

/**
 * What a worker's counters tell of its account's standing with Telegram; null: nothing that is
 * wrong. Pure.
 */
export function troubleIn(
  counters: Readonly<Record<string, number>> | undefined,
): AccountTrouble | null {
  if ((counters?.[frozenGauge] ?? 0) > 0)
    return {
      level: 'critical',
      text: 'Telegram has frozen it: its owner has to appeal in an official app',
    };
  const groups = (count: number): string =>
    count === 1 ? 'one of its groups' : `${count} of its groups`;
  const [closed = 0, left = 0] = [closedGroupsGauge, leftGroupsGauge].map((gauge) =>
    Math.round(counters?.[gauge] ?? 0),
  );
  const found = [
    ...(left > 0
      ? [`it is not in ${groups(left)}: add it there again, or take the group from its chats`]
      : []),
    ...(closed > 0
      ? [
          `it may not write in ${groups(closed)}: give it the right there, or take the ` +
            'group from its chats',
        ]
      : []),
  ];
  if ((counters?.[modelRefusedGauge] ?? 0) > 0)
    found.push(
      "the model's server refuses its key, its model or its requests, which does not end " +
        'by itself: its log says why (--level warn)',
    );
  return found.length === 0 ? null : { level: 'warning', text: found.join('; ') };
}
