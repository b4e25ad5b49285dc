import type { AccountState } from '../model/account-state.ts';

/**
 * What the ledger has recorded of a host, as far as it tells whether its accounts can be known.
 * Times in ms since the epoch.
 */
export interface RecordedHealth {
  readonly unreachable_since: number | null;
  readonly off_at: number | null;
  readonly destroyed_at: number | null;
  readonly refused_since: number | null;
}

export interface RecordedAccount {
  readonly host: string | null;
  readonly state: AccountState;
  readonly state_reason: string;
  readonly state_since: number;
}

/** `2026-11-22 21:44Z`. */
const minuteOf = (ms: number): string =>
  `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')}Z`;

/**
 * Why nothing can be known of a host now, and since when; null: it answered when it was last asked.
 * Pure.
 */
export function silenceOf(
  health: RecordedHealth | undefined,
): { readonly sinceMs: number; readonly reason: string } | null {
  if (health === undefined) return null;
  const { destroyed_at, off_at, unreachable_since, refused_since } = health;
  if (destroyed_at !== null)
    return { sinceMs: destroyed_at, reason: `declared destroyed at ${minuteOf(destroyed_at)}` };
  if (off_at !== null)
    return { sinceMs: off_at, reason: `switched off, stated at ${minuteOf(off_at)}` };
  if (unreachable_since !== null)
    return {
      sinceMs: unreachable_since,
      reason: `no connection since ${minuteOf(unreachable_since)}`,
    };
  if (refused_since !== null)
    return {
      sinceMs: refused_since,
      reason: `has refused fleet’s login since ${minuteOf(refused_since)}`,
    };
  return null;
}

/**
 * An account as it is known now: what a worker reported counts as long as its host answers. Of a
 * silent host nobody knows it, and its
 * last report is in the reason. What the ledger itself decides (no host, on its way out, final
 * ends) stays. Pure.
 */
export function asKnown<A extends RecordedAccount>(
  account: A,
  health: RecordedHealth | undefined,
): A {
  const silence = silenceOf(health);
  if (account.host === null || silence === null || !isReported(account.state)) return account;
  const last =
    account.state_reason === '' ? account.state : `${account.state}, ${account.state_reason}`;
  const since = Math.max(silence.sinceMs, account.state_since);
  return {
    ...account,
    state: 'unknown',
    state_since: since,
    state_reason: `${account.host}: ${silence.reason}; last report: ${last}`,
  };
}

const reported: readonly AccountState[] = [
  'placed',
  'online',
  'reconnecting',
  'flood-wait',
  'offline',
  'held',
  'stopped',
  'contained',
];

const isReported = (state: AccountState): boolean => reported.includes(state);
