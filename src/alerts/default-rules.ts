import type { AlertRule, NewsRule } from '../model/alert-policy.ts';

const minutes = (count: number): number => count * 60_000;

const rule = (
  name: AlertRule['measure'],
  limits: { readonly warning?: number; readonly critical?: number },
  forMs: number,
): AlertRule => ({
  name,
  measure: name,
  warning: limits.warning ?? null,
  critical: limits.critical ?? null,
  forMs,
  text: null,
  remedy: null,
});

/**
 * The rules that ship. Two are not as they are often asked for, because those could never be true:
 * the memory of an account counts as a share of its own limit
 * (at 4 GB it would have been ended long before), and reply times are the 95th percentile of the
 * last hour's histogram, not of a gauge.
 */
export const defaultRules: readonly AlertRule[] = [
  rule('fleet-silent', { critical: 40 }, minutes(3)),
  // `sweep.down_after` has passed already.
  rule('host-down', { critical: 0 }, 0),
  rule('host-held', { warning: 0 }, minutes(5)),
  rule('host-cpu', { warning: 70, critical: 85 }, minutes(10)),
  rule('host-memory', { warning: 80, critical: 90 }, minutes(10)),
  rule('host-disk', { warning: 80, critical: 90 }, minutes(5)),
  rule('host-clock', { critical: 2 }, minutes(5)),
  rule('account-offline', { warning: 0 }, minutes(5)),
  rule('account-ended', { critical: 0 }, 0),
  rule('account-unplaced', { warning: 0 }, minutes(10)),
  rule('account-frozen', { critical: 0 }, 0),
  rule('account-closed-groups', { warning: 0 }, minutes(15)),
  rule('account-left-groups', { warning: 0 }, minutes(15)),
  rule('account-memory', { warning: 90 }, minutes(10)),
  rule('account-restarts', { warning: 3 }, 0),
  rule('account-reply-time', { warning: 2, critical: 5 }, minutes(5)),
  rule('account-flood-waits', { warning: 3 }, 0),
  rule('account-model-failures', { warning: 20 }, minutes(15)),
  rule('account-model-unusable', { warning: 0 }, minutes(5)),
];

export const defaultNews: readonly NewsRule[] = [
  { name: 'ran-twice', severity: 'critical' },
  { name: 'destroyed-host-answers', severity: 'critical' },
  { name: 'failed-over', severity: 'warning' },
  { name: 'allocation-failed', severity: 'warning' },
  { name: 'clock-stepped', severity: 'warning' },
  { name: 'rebalanced', severity: 'info' },
];
