import { closedGroupsGauge, frozenGauge } from '../../agent/protocol/worker.ts';

/** What keeps an account that is online from answering, and what to do about it. */
export interface AccountTrouble {
  readonly level: 'warning' | 'critical';
  readonly text: string;
}

/** What a worker's counters tell of its account's standing with Telegram; null: nothing that is wrong. Pure. */
export function troubleIn(counters: Readonly<Record<string, number>> | undefined): AccountTrouble | null {
  if ((counters?.[frozenGauge] ?? 0) > 0)
    return { level: 'critical', text: 'Telegram has frozen it: its owner has to appeal in an official app' };
  const closed = Math.round(counters?.[closedGroupsGauge] ?? 0);
  if (closed <= 0) return null;
  const groups = closed === 1 ? 'one of its groups' : `${closed} of its groups`;
  return { level: 'warning', text: `it may not write in ${groups}: give it the right there, or take the group from its chats` };
}
