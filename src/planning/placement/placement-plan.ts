import type { Strategy } from '../../model/inventory.ts';
import type { AccountName, HostName } from '../../model/names.ts';
import type { HostRefusal, RefusalCounts } from '../fleet/refusals.ts';
import type { LoadScore } from '../fleet/score.ts';

/** A host that would have taken the account but ranked behind the chosen one. */
export interface RunnerUp {
  readonly host: HostName;
  readonly scoreBefore: number;
  readonly scoreAfter: number;
  /** Why it lost, with figures. */
  readonly reason: string;
}

/** Where one account goes and why. */
export interface PlacementDecision {
  readonly account: AccountName;
  /** The host it has to leave (draining, dead, unknown); null: it had none. */
  readonly from: HostName | null;
  readonly host: HostName;
  readonly strategy: Strategy;
  readonly reason: string;
  /** The host's load score when this account's turn came, and with the account on it. */
  readonly scoreBefore: LoadScore;
  readonly scoreAfter: LoadScore;
  /** Best first; empty with `counts`. */
  readonly runnersUp: readonly RunnerUp[];
  /** The other hosts' refusals in the order of their names; empty with `counts`. */
  readonly refusals: readonly HostRefusal[];
}

/** An account that no host takes. */
export interface UnplacedAccount {
  readonly account: AccountName;
  readonly from: HostName | null;
  readonly strategy: Strategy;
  /** "no host takes a9: 31 full, 4 wrong zone". */
  readonly reason: string;
  /** Host by host in the order of their names; empty with `counts`. */
  readonly refusals: readonly HostRefusal[];
  readonly refusalCounts: RefusalCounts;
}

/**
 * Data that says what will be done. Made without I/O, JSON-able, the same for the same view in any
 * order.
 */
export interface PlacementPlan {
  /** In the order in which they have to be carried out: each fits when its turn comes. */
  readonly placements: readonly PlacementDecision[];
  readonly unplaced: readonly UnplacedAccount[];
  /** Highest less lowest score over the hosts that are up, points. */
  readonly spreadBefore: number;
  readonly spreadAfter: number;
}
