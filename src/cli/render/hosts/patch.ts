import type { PatchOutcome, PatchPlan } from '../../../workflows/moves/patch-hosts.ts';
import { chalk } from '../../style.ts';
import { called } from '../account-names.ts';
import { formatState } from '../states.ts';
import { formatTable } from '../table.ts';
import { noHosts } from './hosts.ts';

/** The plan for people: what is upgraded, and what becomes of the accounts meanwhile. */
export function formatPlan({ patches, wishes, errors }: PatchPlan): string {
  if (patches.length === 0) return errors.length === 0 ? noHosts : 'No host can be patched now.';
  const rows = patches.map(({ host, pending, wantsReboot, accounts, notOnline }) => [
    host.name,
    pending.length === 0 ? chalk.dim('nothing known') : pending.join(', '),
    rebootWord(wantsReboot, wishes.reboot),
    accounts.map(called).join(', '),
    notOnline.map(called).join(', '),
  ]);
  const table = formatTable(
    ['HOST', 'UPGRADE', 'REBOOT', wishes.drain ? 'MOVE AWAY' : 'STAY', 'NOT ONLINE NOW'],
    rows,
    '',
  );
  const accounts = wishes.drain
    ? 'Accounts move away first and stay on their new hosts; the host accepts accounts ' +
      'again afterwards.'
    : 'Accounts keep running while packages are upgraded.';
  return `${table}\n${chalk.dim(`One host after the other: the next one when the last is well again. ${accounts}`)}`;
}

const rebootWord = (isNeeded: boolean, isWished: boolean): string => {
  if (isNeeded) return isWished ? 'yes' : chalk.yellow('needed: add --reboot');
  return chalk.dim(isWished ? 'when needed' : 'no');
};

/** One line per host. */
export function formatOutcomes(outcomes: readonly PatchOutcome[]): string {
  const rows = outcomes.map(({ host, state, changes, moved, rebooted, wantsReboot, accounts }) => [
    host,
    state === 'failed' ? chalk.red(state) : state,
    changes.join(', '),
    rebooted ? 'rebooted' : wantsReboot ? chalk.yellow('needed') : '',
    moved.map(called).join(', '),
    accounts.map(({ account, state: own }) => `${called(account)} ${formatState(own)}`).join(', '),
  ]);
  return formatTable(
    ['HOST', 'STATE', 'UPGRADE', 'REBOOT', 'MOVED', 'ACCOUNTS'],
    rows,
    'Nothing was patched.',
  );
}
