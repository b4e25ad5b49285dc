/** What the order of moves depends on. */
export interface ScheduledMove {
  readonly id: string;
  readonly from: string;
  readonly to: string;
}

export interface MoveLimits {
  /** Moves under way in the whole fleet at the same time. */
  readonly fleet: number;
  readonly arrivalsPerHost: number;
  readonly departuresPerHost: number;
}

/**
 * Voluntary moves are gentle to hosts: one leaves a host at a time, two come to it (PLACEMENT
 * section 6.4).
 */
export const hostMoveLimits = { arrivalsPerHost: 2, departuresPerHost: 1 } as const;

/** No new moves are started after this many failures: the fleet is not as the plan believes. */
export const errorBudget = 3;

/**
 * The moves that may start now, in the order of the plan. A move waits for earlier ones that leave
 * its target, because it may need their place; those
 * are always ahead of it, so nothing waits in a circle.
 */
export function startable<M extends ScheduledMove>(
  waiting: readonly M[],
  underWay: readonly ScheduledMove[],
  limits: MoveLimits,
): M[] {
  const running: ScheduledMove[] = [...underWay];
  const started: M[] = [];
  for (const [index, move] of waiting.entries()) {
    if (running.length >= limits.fleet) break;
    const ahead = [...running, ...waiting.slice(0, index)];
    const needsRoom = ahead.some((other) => other.from === move.to);
    const arrivals = running.filter(({ to }) => to === move.to).length;
    const departures = running.filter(({ from }) => from === move.from).length;
    if (needsRoom || arrivals >= limits.arrivalsPerHost || departures >= limits.departuresPerHost)
      continue;
    running.push(move);
    started.push(move);
  }
  return started;
}
