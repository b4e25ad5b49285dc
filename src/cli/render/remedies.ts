import type { PlacedAccount } from '../../ledger/accounts.ts';
import type { AccountState } from '../../model/account-state.ts';
import { chalk } from '../style.ts';
import { formatState } from './states.ts';

const newLogin = (names: string): string => `log in again: fleet accounts login ${names.includes(' ') ? 'ACCOUNT, one by one' : names}`;

/** What to do about a state that does not end by itself or by the next allocation; `names` as arguments of a command. */
const remedies: Partial<Record<AccountState, (names: string) => string>> = {
  'needs-login': newLogin,
  duplicated: (names) => `find the other program that used the session and end it; then ${newLogin(names)}`,
  banned: (names) => `fleet accounts remove ${names}`,
  misconfigured: (names) => `correct telegram: in the inventory, then fleet allocate ${names}`,
  held: () => 'fleet sweep asks every host, then gives them back',
  unknown: () => 'fleet sweep looks again; if its host is gone, fleet failover HOST says how to go on without it',
  offline: (names) => `the worker keeps trying; see why: fleet logs ${names} -f, and the network of the host`,
  'flood-wait': () => 'nothing: the pause that Telegram asked for is obeyed',
};

/** null: there is nothing to do. */
export const remedyFor = ({ name, state }: Pick<PlacedAccount, 'name' | 'state'>): string | null => remedies[state]?.(name) ?? null;

const maxNames = 5;

/** One line per state that needs somebody, with its accounts; empty when all is well. */
export function formatRemedies(rows: readonly PlacedAccount[]): string {
  const byState = Map.groupBy(rows, ({ state }) => state);
  const lines = [...byState].flatMap(([state, accounts]) => {
    const names = accounts.map(({ name }) => name);
    const shown = names.length > maxNames ? 'ACCOUNT...' : names.join(' ');
    const remedy = remedies[state]?.(state === 'offline' ? (names[0] ?? '') : shown);
    return remedy === undefined ? [] : [`  ${formatState(state)} ${chalk.dim(`(${accounts.length})`)}: ${remedy}`];
  });
  return lines.length === 0 ? '' : ['What to do', ...lines].join('\n');
}
