import { counted } from '../../../model/counted.ts';
import type { ListedStatus } from '../../../verbs/results/looks/status.ts';
import type { Stray } from '../../../workflows/checkup/fleet-status.ts';
import { chalk } from '../../style.ts';
import { formatAccounts } from '../accounts/accounts.ts';
import { formatRemedies } from '../accounts/remedies.ts';
import { formatHosts } from '../hosts/hosts.ts';
import { formatState } from '../states.ts';
import { formatMoves } from './decision.ts';

const countBy = (names: readonly string[]): [string, number][] =>
  [...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]);

/**
 * The one screen: a sentence with the counts, then hosts, accounts, and whatever is not finished.
 */
export function formatStatus(status: ListedStatus, nowMs: number): string {
  const { fleet, hosts, rows, accounts, listed, moves, trials, strays } = status;
  const counts = countBy(accounts.map(({ state }) => state)).map(
    ([state, count]) => `${count} ${formatState(state)}`,
  );
  const up = hosts.filter(({ state }) => state === 'up').length;
  const head =
    `${chalk.bold(fleet)}: ${up} of ${counted(hosts.length, 'host')} up, ` +
    `${counted(accounts.length, 'account')}${counts.length === 0 ? '' : ` (${counts.join(', ')})`}`;
  const sections = [
    head,
    formatHosts(hosts, rows, hosts.length, nowMs),
    formatAccounts(listed, accounts.length, nowMs),
  ];
  if (strays.length > 0) sections.push(chalk.red(formatStrays(strays)));
  const remedies = formatRemedies(listed);
  if (remedies !== '') sections.push(remedies);
  if (moves.length > 0)
    sections.push(`${chalk.yellow('Open moves')}\n${formatMoves(moves, nowMs)}`);
  if (trials.length > 0)
    sections.push(
      chalk.yellow(trials.map(({ text, remedy }) => `${text}\n→ ${remedy}`).join('\n')),
    );
  return sections.join('\n\n');
}

/** Accounts whose host the inventory does not name: they are somewhere all the same. */
export const formatStrays = (strays: readonly Stray[]): string =>
  strays
    .map(({ host, accounts, remedy }) => {
      const names = `${accounts.slice(0, 5).join(', ')}${accounts.length > 5 ? ', ...' : ''}`;
      const owned = accounts.length === 1 ? '1 account' : `${accounts.length} accounts`;
      return `${host} is not in the inventory and owns ${owned}: ${names}\n→ ${remedy}`;
    })
    .join('\n');
