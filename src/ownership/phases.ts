/**
 * Journaled phases of a change of owner, in order. A first placement has no old owner and skips
 * `released`.
 */
export type MovePhase = 'planned' | 'staged' | 'released' | 'granted' | 'done' | 'aborted';

/** Why an account changes its host. */
export type MoveKind = 'initial' | 'rebalance' | 'failover' | 'drain' | 'manual';

/**
 * `first`: nobody owned the account. `change`: from one host to another. `detach`: an owner
 * releases it and nobody follows (export, remove).
 */
export type MoveRoute = 'first' | 'change' | 'detach';

const routes: Readonly<Record<MoveRoute, readonly MovePhase[]>> = {
  first: ['planned', 'staged', 'granted', 'done'],
  change: ['planned', 'staged', 'released', 'granted', 'done'],
  detach: ['planned', 'released', 'done'],
};

/** Successor of an account that leaves the fleet; no host can have this name in a claim's sense. */
export const detached = 'detached';

export function routeOf(fromHost: string | null, toHost: string): MoveRoute {
  if (toHost === detached) return 'detach';
  return fromHost === null ? 'first' : 'change';
}

/**
 * Whether `to` may follow `from`: the next phase of the route, or an abort while nothing was
 * released or granted.
 */
export function mayFollow(route: MoveRoute, from: MovePhase, to: MovePhase): boolean {
  if (to === 'aborted') return from === 'planned' || from === 'staged';
  const phases = routes[route];
  const at = phases.indexOf(from);
  return at >= 0 && phases[at + 1] === to;
}

/** Whether the target of an open move may have heard its grant, also where no answer came. Pure. */
export const mayBeGranted = ({
  phase,
  from_host,
}: {
  readonly phase: MovePhase;
  readonly from_host: string | null;
}): boolean =>
  phase === 'released' || phase === 'granted' || (phase === 'staged' && from_host === null);

/** A move that still needs an act. */
export const isOpen = (phase: MovePhase): boolean => phase !== 'done' && phase !== 'aborted';
