/**
 * How an account stands. `stored`: in the vault, no owner. `placed`: owned, not seen online yet.
 * `held`: its host may not start it since a boot.
 * `contained`: its host has ended it for what it took there (bin/fleet-quota), and starts it again
 * at the operator's word alone.
 * `unknown`: its host does not answer; never recorded, only shown. `removing` and `detached`: on
 * its way out of the fleet, and out of it. The others are the worker's own report
 * (hostside/protocol/worker.ts).
 */
export const accountStates = [
  'stored',
  'placed',
  'online',
  'reconnecting',
  'flood-wait',
  'offline',
  'needs-login',
  'duplicated',
  'banned',
  'misconfigured',
  'stopped',
  'held',
  'contained',
  'removing',
  'detached',
  'unknown',
] as const;

export type AccountState = (typeof accountStates)[number];

/** It does not come back by itself: somebody has to do something first. */
export const endedStates: ReadonlySet<AccountState> = new Set([
  ...(['needs-login', 'duplicated', 'banned', 'misconfigured', 'contained'] as const),
]);
