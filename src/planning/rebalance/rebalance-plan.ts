import type { AccountName, HostName } from '../../model/names.ts';

/** One voluntary move with the scores that it changes, points. */
export interface RebalanceMove {
  readonly account: AccountName;
  readonly from: HostName;
  readonly to: HostName;
  readonly reason: string;
  readonly fromScoreBefore: number;
  readonly fromScoreAfter: number;
  readonly toScoreBefore: number;
  readonly toScoreAfter: number;
}

/** A host that keeps the target out of reach, and why. */
export interface Blocker {
  readonly host: HostName;
  readonly score: number;
  readonly reason: string;
}

/**
 * Data that says what will be done and how good that is. JSON-able, the same for the same view in
 * any order.
 */
export interface RebalancePlan {
  /**
   * `balanced`: the spread is not over the threshold. `planned`: the moves reach the target.
   * `partial`: they do not, but bring the spread
   * down. `blocked`: no move would help.
   */
  readonly verdict: 'balanced' | 'planned' | 'partial' | 'blocked';
  /** To be carried out in this order: each fits when its turn comes. */
  readonly moves: readonly RebalanceMove[];
  /** No plan reaches the target with fewer moves; null: no plan reaches it at all. */
  readonly lowerBound: number | null;
  readonly threshold: number;
  readonly targetSpread: number;
  readonly maxMoves: number;
  readonly spreadBefore: number;
  readonly spreadAfter: number;
  /** Where the target is missed: up to twenty hosts farthest outside of it, highest first. */
  readonly blockers: readonly Blocker[];
  /** "18 moves bring the spread from 44.1 to 28.9; no plan can do it in fewer than 18". */
  readonly summary: string;
}
