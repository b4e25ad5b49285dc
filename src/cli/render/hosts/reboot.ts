import { formatAge } from '../../../model/time-words.ts';
import type { RebootPlan } from '../../../workflows/hosts/plan-reboots.ts';
import type { RebootOutcome } from '../../../workflows/hosts/reboot-hosts.ts';
import { chalk } from '../../style.ts';
import { called } from '../account-names.ts';
import { formatState } from '../states.ts';
import { formatTable } from '../table.ts';
import { noHosts } from './hosts.ts';

/** The plan for people: what goes offline for the time of each reboot. */
export function formatPlan({ reboots, withinMs, isRolling, errors }: RebootPlan): string {
  if (reboots.length === 0) return errors.length === 0 ? noHosts : 'No host can be rebooted now.';
  const names = (accounts: readonly { readonly name: string }[]): string =>
    accounts.map(({ name }) => called(name)).join(', ');
  const rows = reboots.map(({ host, accounts, others }) => [
    host.name,
    `${accounts.length}`,
    names(accounts),
    names(others),
  ]);
  const table = formatTable(['HOST', 'ONLINE', 'OFFLINE MEANWHILE', 'NOT ONLINE NOW'], rows, '');
  const order = isRolling ? 'One host after the other. Each' : 'All of them at once. Each';
  const note =
    `${reboots.length === 1 ? 'It' : order} may be away for ${formatAge(withinMs)}; no ` +
    'account moves.';
  return `${table}\n${chalk.dim(note)}`;
}

const minutes = (ms: number | null): string => (ms === null ? '' : formatAge(ms));

/** One line per host. */
export function formatOutcomes(outcomes: readonly RebootOutcome[]): string {
  const rows = outcomes.map(({ host, state, downMs, offlineMs, accounts }) => [
    host,
    state === 'failed' ? chalk.red(state) : state,
    minutes(downMs),
    minutes(offlineMs),
    accounts.map(({ account, state: own }) => `${called(account)} ${formatState(own)}`).join(', '),
  ]);
  return formatTable(
    ['HOST', 'STATE', 'AWAY', 'ACCOUNTS OFFLINE', 'ACCOUNTS'],
    rows,
    'Nothing was rebooted.',
  );
}
