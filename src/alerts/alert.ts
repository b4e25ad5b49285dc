import type { AlertRule, Measure, Severity, SubjectKind } from '../model/alert-policy.ts';
import type { Reading } from './readings.ts';

/**
 * `pending`: true, not for long enough yet. `firing`: it is told. `resolved`: over, and remembered
 * for a while.
 */
export type AlertState = 'pending' | 'firing' | 'resolved';

/**
 * One rule about one subject, over sweeps. Times in ms since the epoch, by the operator's clock.
 */
export interface Alert {
  readonly key: string;
  readonly rule: string;
  readonly measure: Measure;
  readonly kind: SubjectKind;
  readonly subject: string;
  readonly host: string | null;
  readonly state: AlertState;
  readonly severity: Severity;
  /** In the measure's unit, as last seen. */
  readonly value: number;
  readonly reason: string;
  /** First sweep that found it true. */
  readonly since: number;
  readonly firedAt: number | null;
  readonly resolvedAt: number | null;
  /** Time between sweeps that found it true one after the other, ms. */
  readonly heldMs: number;
  /** Last sweep that could tell. */
  readonly seenAt: number;
  /** Sweeps in a row that found it untrue while it fires. */
  readonly clean: number;
  /** Severity that was last told; null: nothing, or its end was told. */
  readonly told: Severity | null;
  readonly toldAt: number | null;
  /** Messages about it since it fired. */
  readonly tellings: number;
  /** When its end was last told; null: never. */
  readonly endToldAt: number | null;
  /** When it last ended, told or not; null: never. */
  readonly overAt: number | null;
}

/** So many sweeps must find it untrue before it is over. */
export const cleanSweeps = 2;
/** What was over for less than this comes back as the same trouble, ms. */
export const flapWindowMs = 3_600_000;

/**
 * The alert after one more sweep; null: there is none. `reading` undefined: nobody knows, so
 * everything stays. Time counts only between sweeps that both found it
 * true, at most `for` at a step: a clock that jumps and a laptop that slept do not make it true for
 * longer than it was seen. `isGone`: rule or subject is no longer
 * there. Pure.
 */
export function advance(
  alert: Alert | null,
  reading: Reading | undefined,
  rule: AlertRule | undefined,
  nowMs: number,
  isGone: boolean,
): Alert | null {
  if (isGone) return alert === null || alert.told === null ? null : over(alert, nowMs);
  if (reading === undefined || rule === undefined) return alert;
  if (reading.severity !== null)
    return { ...raise(alert, reading, reading.severity, rule, nowMs), seenAt: nowMs };
  if (alert === null || alert.state === 'pending') return forget(alert, nowMs);
  if (alert.state === 'resolved') return forgetAfterWindow(alert, nowMs);
  const clean = alert.clean + 1;
  const seen = { ...alert, clean, seenAt: nowMs, value: reading.value };
  return clean < cleanSweeps ? seen : over(seen, nowMs);
}

const over = (alert: Alert, nowMs: number): Alert =>
  alert.state === 'resolved'
    ? alert
    : { ...alert, state: 'resolved', resolvedAt: nowMs, overAt: nowMs, clean: 0 };

/** A pending one that was told before (it flaps) is resolved again, not forgotten. */
const forget = (alert: Alert | null, nowMs: number): Alert | null =>
  alert === null || alert.overAt === null ? null : over(alert, nowMs);

const forgetAfterWindow = (alert: Alert, nowMs: number): Alert | null =>
  alert.told === null && Math.abs(nowMs - (alert.overAt ?? 0)) >= flapWindowMs ? null : alert;

function raise(
  alert: Alert | null,
  reading: Reading,
  severity: Severity,
  rule: AlertRule,
  nowMs: number,
): Alert {
  const { key, rule: name, measure, kind, subject, host, value, reason } = reading;
  const now = { key, rule: name, measure, kind, subject, host, value, reason, severity, clean: 0 };
  if (alert?.state === 'firing') return { ...alert, ...now };
  if (alert === null || alert.state === 'resolved') {
    const fresh = {
      since: nowMs,
      firedAt: null,
      resolvedAt: null,
      heldMs: 0,
      seenAt: nowMs,
      tellings: 0,
    };
    const before = {
      told: alert?.told ?? null,
      toldAt: alert?.toldAt ?? null,
      endToldAt: alert?.endToldAt ?? null,
      overAt: alert?.overAt ?? null,
    };
    return fireAfter({ ...now, ...fresh, ...before, state: 'pending' }, rule, nowMs);
  }
  const step = Math.min(Math.max(0, nowMs - alert.seenAt), rule.forMs);
  return fireAfter({ ...alert, ...now, heldMs: alert.heldMs + step }, rule, nowMs);
}

const fireAfter = (alert: Alert, { forMs }: AlertRule, nowMs: number): Alert =>
  alert.heldMs >= forMs ? { ...alert, state: 'firing', firedAt: nowMs } : alert;
