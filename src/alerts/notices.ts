import type { Severity } from '../model/alert-policy.ts';
import { type Alert, flapWindowMs } from './alert.ts';

/**
 * `again`: it goes on. `worse`: it was told as a warning and is critical now. `over`: it has ended.
 */
export type NoticeKind = 'firing' | 'worse' | 'again' | 'over' | 'news';

/** Between two messages at most, and for critical ones, ms. */
const longestRepeatMs = 86_400_000;
const criticalRepeatMs = 3_600_000;
/** An alert that returns within the flap window is sent once it has lasted this long, ms. */
const steadyMs = 900_000;

/**
 * Time from the last message about an alert to the next, ms: `repeatMs`, doubled with each, at most
 * a day; critical ones each hour at least. Pure.
 */
export const repeatAfterMs = (repeatMs: number, tellings: number, severity: Severity): number => {
  const doubled = Math.min(
    longestRepeatMs,
    repeatMs * 2 ** Math.min(20, Math.max(0, tellings - 1)),
  );
  return severity === 'critical' ? Math.min(doubled, criticalRepeatMs) : doubled;
};

export interface Told {
  readonly alert: Alert;
  /** What is told now; null: nothing. */
  readonly notice: NoticeKind | null;
}

/**
 * What is to be told about an alert, and the alert once that is on its way. `isSilenced`: nothing,
 * until that ends. Pure.
 */
export function tell(alert: Alert, repeatMs: number, nowMs: number, isSilenced: boolean): Told {
  const quiet: Told = { alert, notice: null };
  if (isSilenced || alert.state === 'pending') return quiet;
  if (alert.state === 'resolved')
    return alert.told === null
      ? quiet
      : { alert: { ...alert, told: null, toldAt: nowMs, endToldAt: nowMs }, notice: 'over' };
  const say = (notice: NoticeKind): Told => ({
    alert: { ...alert, told: alert.severity, toldAt: nowMs, tellings: alert.tellings + 1 },
    notice,
  });
  if (alert.told === null) return isFlapping(alert, nowMs) ? quiet : say('firing');
  if (alert.told === 'warning' && alert.severity === 'critical') return say('worse');
  // A clock that was set back would hold every message up until it has caught up.
  const age =
    alert.toldAt === null || alert.toldAt > nowMs ? Number.POSITIVE_INFINITY : nowMs - alert.toldAt;
  return age >= repeatAfterMs(repeatMs, alert.tellings, alert.severity) ? say('again') : quiet;
}

/**
 * It ended a short while ago, and that was told within a day: one that flaps for ever is told once
 * a day.
 */
const isFlapping = ({ endToldAt, overAt, firedAt }: Alert, nowMs: number): boolean =>
  endToldAt !== null &&
  overAt !== null &&
  Math.abs(nowMs - overAt) < flapWindowMs &&
  Math.abs(nowMs - endToldAt) < longestRepeatMs &&
  nowMs - (firedAt ?? nowMs) < steadyMs;
