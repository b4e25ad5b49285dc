import type { FlatFleet } from './flat-fleet.ts';
import { none } from './index-keys.ts';

/**
 * The accounts that a rebalance may move, host by host and heaviest first, as flat arrays: those of
 * host h are at `start[h]` to
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
  const lists: MovableLists = {
    start,
    account: new Int32Array(fleet.accounts.length),
    weight: new Float64Array(fleet.accounts.length),
  };
  let end = 0;
  for (let host = 0; host < hostCount; host++) {
    start[host] = end;
    for (
      let account = fleet.firstOn[host] as number;
      account !== none;
      account = fleet.nextOn[account] as number
    )
      if (fleet.movable[account] === 1)
        insertHeaviestFirst(
          lists,
          start[host] as number,
          end++,
          account,
          fleet.weight(account, host),
        );
  }
  start[hostCount] = end;
  return { start, account: lists.account.subarray(0, end), weight: lists.weight.subarray(0, end) };
}

/**
 * Insertion into the positions from `first` to `end` (exclusive): hosts have a handful of accounts.
 * Ties to the lower index.
 */
function insertHeaviestFirst(
  { account, weight }: MovableLists,
  first: number,
  end: number,
  added: number,
  addedWeight: number,
): void {
  let position = end;
  while (position > first) {
    const difference = (weight[position - 1] as number) - addedWeight;
    if (difference > 0 || (difference === 0 && (account[position - 1] as number) < added)) break;
    account[position] = account[position - 1] as number;
    weight[position] = weight[position - 1] as number;
    position--;
  }
  account[position] = added;
  weight[position] = addedWeight;
}
