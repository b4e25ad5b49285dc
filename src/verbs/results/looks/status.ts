import type { PlacedAccount } from '../../../ledger/queries/accounts.ts';
import type { FleetStatus } from '../../../workflows/checkup/fleet-status.ts';
import { openMoveData } from '../../../workflows/hosts/ending-command.ts';
import { accountData } from '../accounts/accounts.ts';
import { hostData } from '../hosts/hosts.ts';

/** What is shown of the fleet. `listed`: the accounts that were asked for. */
export interface ListedStatus extends FleetStatus {
  readonly listed: readonly PlacedAccount[];
}

export const statusData = ({
  fleet,
  hosts,
  rows,
  listed,
  moves,
  trials,
  strays,
}: ListedStatus): Record<string, unknown> => ({
  fleet,
  hosts: hosts.map((rank) => hostData(rank, rows.get(rank.host))),
  accounts: listed.map(accountData),
  hostsNotInInventory: strays.map(({ host }) => host),
  openMoves: moves.map(openMoveData),
  trials,
});
