import { openMoveData } from '../../workflows/ending-command.ts';
import type { FleetStatus } from '../../workflows/fleet-status.ts';
import { accountData } from './accounts.ts';
import { hostData } from './hosts.ts';

export const statusData = ({ fleet, hosts, rows, accounts, moves, trials, strays }: FleetStatus): Record<string, unknown> => ({
  fleet,
  hosts: hosts.map((rank) => hostData(rank, rows.get(rank.host))),
  accounts: accounts.map(accountData),
  hostsNotInInventory: strays.map(({ host }) => host),
  openMoves: moves.map(openMoveData),
  trials,
});
