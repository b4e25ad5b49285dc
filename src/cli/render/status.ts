import type { FleetStatus } from '../../workflows/fleet-status.ts';
import { chalk } from '../style.ts';
import { accountData, formatAccounts } from './accounts.ts';
import { formatMoves } from './decision.ts';
import { formatHosts, hostData } from './hosts.ts';
import { formatRemedies } from './remedies.ts';
import { formatState } from './states.ts';

const countBy = (names: readonly string[]): [string, number][] =>
  [...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]);

/** The one screen: a sentence with the counts, then hosts, accounts, and whatever is not finished. */
export function formatStatus(status: FleetStatus, nowMs: number): string {
  const { fleet, hosts, rows, accounts, moves, strays } = status;
  const counts = countBy(accounts.map(({ state }) => state)).map(([state, count]) => `${count} ${formatState(state)}`);
  const up = hosts.filter(({ state }) => state === 'up').length;
  const head = `${chalk.bold(fleet)}: ${up} of ${hosts.length} hosts up, ${accounts.length} accounts${counts.length === 0 ? '' : ` (${counts.join(', ')})`}`;
  const sections = [head, formatHosts(hosts, rows, nowMs), formatAccounts(accounts, nowMs)];
  if (strays.length > 0) sections.push(chalk.red(formatStrays(status)));
  const remedies = formatRemedies(accounts);
  if (remedies !== '') sections.push(remedies);
  if (moves.length > 0) sections.push(`${chalk.yellow('Open moves')}\n${formatMoves(moves, nowMs)}`);
  return sections.join('\n\n');
}

/** Accounts whose host the inventory does not name: they are somewhere all the same. */
function formatStrays({ strays, accounts }: FleetStatus): string {
  const lines = strays.map((stray) => {
    const here = accounts.filter(({ host }) => host === stray).map(({ name }) => name);
    return `${stray} is not in the inventory and owns ${here.length === 1 ? '1 account' : `${here.length} accounts`}: ${here.slice(0, 5).join(', ')}${here.length > 5 ? ', ...' : ''}`;
  });
  return [...lines, 'Put the host back into the inventory, or say what became of it: fleet failover HOST --destroyed'].join('\n');
}

export const statusData = ({ fleet, hosts, rows, accounts, moves, strays }: FleetStatus): Record<string, unknown> => ({
  fleet,
  hosts: hosts.map((rank) => hostData(rank, rows.get(rank.host))),
  accounts: accounts.map(accountData),
  hostsNotInInventory: strays,
  openMoves: moves.map(({ decision_json: _, ...row }) => row),
});
