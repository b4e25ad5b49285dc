import type { AccountName, HostName } from '../../model/names.ts';
import { type FleetView, isolationKey } from '../fleet/fleet-view.ts';

/** A move as far as its pace is concerned. */
interface PacedMove {
  readonly account: AccountName;
  readonly from: HostName | null;
  readonly to: HostName;
}

/** How many moves may be under way at once. */
export interface Pace {
  readonly arrivalsPerHost: number;
  readonly departuresPerHost: number;
  /** Of one group (else owner, else script), so that a group never loses much at once. */
  readonly perGroup: number;
}

/** Two arrivals and one departure per host, one move of a group: what a small server bears and a group does not notice. */
export const gentlePace: Pace = { arrivalsPerHost: 2, departuresPerHost: 1, perGroup: 1 };

/**
 * The voluntary moves of a plan that may start now, in the plan's order, while `inFlight` are under way. A move whose turn depends on an
 * earlier one that has to wait (same host gives and takes) waits too. When they are done, plan again instead of carrying on: the
 * fleet has changed.
 */
export function movesToStart<M extends PacedMove>(
  moves: readonly M[],
  inFlight: readonly PacedMove[],
  view: FleetView,
  pace: Pace = gentlePace,
): M[] {
  const groups = new Map(view.accounts.map((account) => [account.name, isolationKey(account)]));
  const used = new Map<string, number>();
  const keysOf = ({ account, from, to }: PacedMove): readonly (readonly [string, number])[] => {
    const group = groups.get(account) ?? null;
    const keys: [string, number][] = [[`arrivals ${to}`, pace.arrivalsPerHost]];
    if (from !== null) keys.push([`departures ${from}`, pace.departuresPerHost]);
    if (group !== null) keys.push([`group ${group}`, pace.perGroup]);
    return keys;
  };
  const count = (move: PacedMove): void => {
    for (const [key] of keysOf(move)) used.set(key, (used.get(key) ?? 0) + 1);
  };
  inFlight.forEach(count);
  const waitingToLeave = new Set<HostName>();
  return moves.filter((move) => {
    const isFree = keysOf(move).every(([key, most]) => (used.get(key) ?? 0) < most) && !waitingToLeave.has(move.to);
    if (isFree) count(move);
    else if (move.from !== null) waitingToLeave.add(move.from);
    return isFree;
  });
}
