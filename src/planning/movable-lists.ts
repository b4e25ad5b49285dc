import type { FlatFleet } from './flat-fleet.ts';
import { none } from './index-keys.ts';

/**
 * The accounts that a rebalance may move, host by host and heaviest first, as flat arrays: those of host h are at `start[h]` to
 * `start[h + 1]` (exclusive). Compiled once; runs of the planner only mark what they moved.
 */
export interface MovableLists {
  readonly start: Int32Array;
  readonly account: Int32Array;
  /** Points that the account at the same position takes off its host's score when it leaves. */
  readonly weight: Float64Array;
}

export function compileMovableLists(fleet: FlatFleet): MovableLists {
  const hostCount = fleet.hosts.length;
  const start = new Int32Array(hostCount + 1);
  const found: number[] = [];
  const weightOf = new Float64Array(fleet.accounts.length);
  for (let host = 0; host < hostCount; host++) {
    start[host] = found.length;
    const first = found.length;
    for (let account = fleet.firstOn[host] as number; account !== none; account = fleet.nextOn[account] as number) {
      if (fleet.movable[account] === 0) continue;
      const weight = fleet.weight(account, host);
      weightOf[account] = weight;
      insertHeaviestFirst(found, first, account, weightOf);
    }
  }
  start[hostCount] = found.length;
  const account = Int32Array.from(found);
  return { start, account, weight: Float64Array.from(account, (index) => weightOf[index] as number) };
}

/** Insertion into the tail of `found` that begins at `first`: hosts have a handful of accounts. Ties to the lower index. */
function insertHeaviestFirst(found: number[], first: number, account: number, weightOf: Float64Array): void {
  const weight = weightOf[account] as number;
  let position = found.length;
  found.push(account);
  while (position > first) {
    const before = found[position - 1] as number;
    const difference = (weightOf[before] as number) - weight;
    if (difference > 0 || (difference === 0 && before < account)) break;
    found[position] = before;
    position--;
  }
  found[position] = account;
}
