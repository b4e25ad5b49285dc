import type { AccountState } from '../model/account-state.ts';

/**
 * Why an account was not online. `host`: it did not answer, so the account may have run; or it
 * restarted the account.
 */
export const causes = ['moves', 'reboots', 'telegram', 'host', 'operator'] as const;
export type Cause = (typeof causes)[number];

/** From `from` on (ms since the epoch) something was in `state`. In order of time. */
export interface StateChange<State extends string = string> {
  readonly at: number;
  readonly state: State;
}

/**
 * What an account went through: reported states, `moved` at a grant, `gone` once it left the fleet.
 */
export type AccountChange = StateChange<AccountState | 'moved' | 'gone'> & {
  readonly isHostTrouble?: boolean;
};
export type HostChange = StateChange<'healthy' | 'suspect' | 'down' | 'gone'>;

/** A span of time, ms since the epoch: from inclusive, to exclusive. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Availability {
  /** Time in which it was wanted and could be judged, ms. */
  readonly judgedMs: number;
  readonly onlineMs: number;
  /** ms. `operator` is no part of `judgedMs`: who stops an account does not want it online. */
  readonly offlineMs: Readonly<Record<Cause, number>>;
}

const byState: Readonly<Record<AccountState | 'moved', Cause | 'online'>> = {
  online: 'online',
  moved: 'moves',
  placed: 'host',
  reconnecting: 'telegram',
  'flood-wait': 'telegram',
  offline: 'telegram',
  'needs-login': 'telegram',
  duplicated: 'telegram',
  banned: 'telegram',
  held: 'reboots',
  contained: 'host',
  unknown: 'host',
  misconfigured: 'operator',
  stopped: 'operator',
  stored: 'operator',
  removing: 'operator',
  detached: 'operator',
};

/** Share of the judged time in which it was online, 0-1; null: there was none. */
export const shareOf = ({ judgedMs, onlineMs }: Availability): number | null =>
  judgedMs <= 0 ? null : onlineMs / judgedMs;

const overlap = (a: Span, b: Span): number =>
  Math.max(0, Math.min(a.to, b.to) - Math.max(a.from, b.from));

/**
 * Each state with the span that it lasted; the last one until `untilMs`. Changes that lie in the
 * future of the next one last no time.
 */
function spansOf<Change extends StateChange>(
  changes: readonly Change[],
  untilMs: number,
): (Span & { readonly change: Change })[] {
  return changes.map((change, index) => ({
    from: change.at,
    to: Math.max(change.at, changes[index + 1]?.at ?? untilMs),
    change,
  }));
}

/** A span in which something is known not to have been online although nothing else says so. */
export interface Outage extends Span {
  readonly cause: Cause;
}

/**
 * How long an account was online within `window`, and why not. `outages`: what is known of the time
 * in which it was last reported online: its host was rebooted, or did
 * not answer (what the account did then is not known, and counts as the host's), or it was
 * interrupted between two sweeps. Where several meet, the first one counts. Pure.
 */
export function accountAvailability(
  changes: readonly AccountChange[],
  outages: readonly Outage[],
  window: Span,
): Availability {
  const offlineMs: Record<Cause, number> = {
    moves: 0,
    reboots: 0,
    telegram: 0,
    host: 0,
    operator: 0,
  };
  let [judgedMs, onlineMs] = [0, 0];
  for (const { from, to, change } of spansOf(changes, window.to)) {
    if (change.state === 'gone') continue;
    const span = { from: Math.max(from, window.from), to: Math.min(to, window.to) };
    const lasted = span.to - span.from;
    if (lasted <= 0) continue;
    const cause = change.isHostTrouble === true ? 'host' : byState[change.state];
    if (cause !== 'operator') judgedMs += lasted;
    if (cause !== 'online') {
      offlineMs[cause] += lasted;
      continue;
    }
    const away = lossesIn(span, outages, offlineMs);
    onlineMs += lasted - away;
  }
  return { judgedMs, onlineMs, offlineMs };
}

/** Adds what the outages take of the span to `offlineMs`; ms in all. */
function lossesIn(
  span: Span,
  outages: readonly Outage[],
  offlineMs: Record<Cause, number>,
): number {
  const here = outages.filter((outage) => overlap(span, outage) > 0);
  const inside = (ms: number): number => Math.min(span.to, Math.max(span.from, ms));
  const edges = [...new Set(here.flatMap(({ from, to }) => [inside(from), inside(to)]))].toSorted(
    (a, b) => a - b,
  );
  let away = 0;
  for (const [index, from] of edges.slice(0, -1).entries()) {
    const to = edges[index + 1] ?? from;
    const outage = here.find((each) => each.from <= from && each.to >= to);
    if (outage === undefined) continue;
    offlineMs[outage.cause] += to - from;
    away += to - from;
  }
  return away;
}

/** The spans in which a host did not answer. Pure. */
export const silencesOf = (changes: readonly HostChange[], untilMs: number): Span[] =>
  spansOf(changes, untilMs).flatMap(({ from, to, change }) =>
    change.state === 'down' || change.state === 'suspect' ? [{ from, to }] : [],
  );

/** How long a host answered within `window`. `reboots`: spans that were announced. Pure. */
export function hostAvailability(
  changes: readonly HostChange[],
  reboots: readonly Span[],
  window: Span,
): Availability {
  const offlineMs: Record<Cause, number> = {
    moves: 0,
    reboots: 0,
    telegram: 0,
    host: 0,
    operator: 0,
  };
  let [judgedMs, onlineMs] = [0, 0];
  for (const { from, to, change } of spansOf(changes, window.to)) {
    const span = { from: Math.max(from, window.from), to: Math.min(to, window.to) };
    const lasted = span.to - span.from;
    if (lasted <= 0 || change.state === 'gone') continue;
    judgedMs += lasted;
    if (change.state === 'healthy') {
      onlineMs += lasted;
      continue;
    }
    const announced = Math.min(
      lasted,
      reboots.reduce((sum, reboot) => sum + overlap(span, reboot), 0),
    );
    offlineMs.reboots += announced;
    offlineMs.host += lasted - announced;
  }
  return { judgedMs, onlineMs, offlineMs };
}

/**
 * The month (UTC) that holds `nowMs`, up to now, and the `count - 1` before it; newest first. Pure.
 */
export function monthsUntil(nowMs: number, count: number): (Span & { readonly name: string })[] {
  const date = new Date(nowMs);
  return Array.from({ length: count }, (_, back) => {
    const from = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - back, 1);
    const to =
      back === 0 ? nowMs : Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - back + 1, 1);
    return { name: new Date(from).toISOString().slice(0, 7), from, to };
  });
}
