import type { FlatFleet } from '../fleet/flat-fleet.ts';
import type { MovableLists } from '../fleet/movable-lists.ts';
import { scoreTolerance } from '../fleet/move-bound.ts';
import type { Window } from './window.ts';

/**
 * Per host, the points that one typical arrival adds: the account at the window's quantile by
 * weight of those on hosts that could give.
 */
export function typicalArrivals(
  fleet: FlatFleet,
  lists: MovableLists,
  window: Window,
): Float64Array {
  const cpuPoints = mean(fleet.cpuPoints);
  const memoryPoints = mean(fleet.memoryPoints);
  const pool = new Int32Array(lists.account.length);
  const weights = new Float64Array(lists.account.length);
  let count = 0;
  for (let host = 0; host < fleet.hosts.length; host++) {
    if (fleet.up[host] === 1 && (fleet.score[host] as number) <= window.low) continue;
    for (
      let position = lists.start[host] as number;
      position < (lists.start[host + 1] as number);
      position++
    ) {
      const account = lists.account[position] as number;
      pool[count] = account;
      weights[count++] =
        (fleet.cpu[account] as number) * cpuPoints +
        (fleet.memory[account] as number) * memoryPoints;
    }
  }
  const arrivals = new Float64Array(fleet.hosts.length).fill(scoreTolerance);
  if (count === 0) return arrivals;
  const wanted = nthLightest(weights.slice(0, count), Math.floor((count - 1) * window.quantile));
  const typical = pool[weights.indexOf(wanted)] as number;
  for (let host = 0; host < arrivals.length; host++)
    arrivals[host] = Math.max(scoreTolerance, fleet.weight(typical, host));
  return arrivals;
}

/**
 * The value that would be at position `n` if they were sorted. Changes their order (Hoare,
 * "Algorithm 65: find", 1961).
 */
export function nthLightest(values: Float64Array, n: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1] as number;
    let left = low;
    let right = high;
    while (left <= right) {
      while ((values[left] as number) < pivot) left++;
      while ((values[right] as number) > pivot) right--;
      if (left > right) break;
      const value = values[left] as number;
      values[left++] = values[right] as number;
      values[right--] = value;
    }
    if (n <= right) high = right;
    else if (n >= left) low = left;
    else break;
  }
  return values[n] as number;
}

function mean(values: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index] as number;
  return values.length === 0 ? 0 : sum / values.length;
}
