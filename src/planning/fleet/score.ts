import type { ScoreWeights } from '../../model/inventory.ts';

/** What a host has and what of it is used. */
export interface HostUse {
  readonly cpuCores: number;
  readonly cpuUsedCores: number;
  readonly memoryBytes: number;
  readonly memoryUsedBytes: number;
  readonly maxAccounts: number;
  readonly accounts: number;
  /** 0-1. */
  readonly diskUsedRatio: number;
}

/** Points that each resource adds to a load score. They sum to the score. */
export interface ScoreParts {
  readonly cpu: number;
  readonly memory: number;
  readonly slots: number;
  readonly disk: number;
}

/**
 * A load score and where it comes from. Points, 0-100 on a host within its limits; above 100 when
 * overcommitted.
 */
export interface LoadScore {
  readonly total: number;
  readonly parts: ScoreParts;
}

/**
 * The load score; lower is better.
 *
 *     score = 100 × (weights.cpu × cpu used / cores + weights.memory × memory used / memory
 *                    + weights.slots × accounts / max accounts + weights.disk × disk used ratio)
 *
 * Not clamped at 100 %: a clamp would make an overloaded host look as good as a full one. A
 * capacity of zero counts as
 * fully used.
 */
export function loadScore(use: HostUse, weights: ScoreWeights): LoadScore {
  const parts = {
    cpu: 100 * weights.cpu * usedRatio(use.cpuUsedCores, use.cpuCores),
    memory: 100 * weights.memory * usedRatio(use.memoryUsedBytes, use.memoryBytes),
    slots: 100 * weights.slots * usedRatio(use.accounts, use.maxAccounts),
    disk: 100 * weights.disk * use.diskUsedRatio,
  };
  return { total: parts.cpu + parts.memory + parts.slots + parts.disk, parts };
}

/**
 * Points that one unit of a resource adds to a score: 100 × weight / capacity; 0 where there is no
 * capacity.
 */
export function pointsPerUnit(weight: number, capacity: number): number {
  return capacity > 0 ? (100 * weight) / capacity : 0;
}

function usedRatio(used: number, capacity: number): number {
  return capacity > 0 ? used / capacity : 1;
}
