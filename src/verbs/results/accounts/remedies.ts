import type { PlacedAccount } from '../../../ledger/queries/accounts.ts';
import type { AccountState } from '../../../model/account-state.ts';

const newLogin = (names: string): string =>
  `log in again: fleet accounts login ${names.includes(' ') ? 'ACCOUNT, one by one' : names}`;

/**
 * What to do about a state that does not end by itself or by the next allocation; `names` as
 * arguments of a command.
 */
export const remedies: Partial<Record<AccountState, (names: string) => string>> = {
  'needs-login': newLogin,
  duplicated: (names) =>
    `find the other program that used the session and end it; then ${newLogin(names)}`,
  banned: (names) => `fleet accounts remove ${names}`,
  misconfigured: (names) => `correct telegram: in the inventory, then fleet allocate ${names}`,
  held: () => 'fleet sweep asks every host, then gives them back',
  contained: (names) =>
    'its host ended it for what it took there: look (fleet logs), make room or raise its ' +
    `limits, then fleet accounts start ${names}; after a change of limits fleet accounts ` +
    `restart ${names}`,
  unknown: () =>
    'fleet sweep looks again; if its host is gone, fleet failover HOST says how to go on ' +
    'without it',
  offline: (names) =>
    `the worker keeps trying; see why: fleet logs ${names} -f, and the network of the host`,
  'flood-wait': () => 'nothing: the pause that Telegram asked for is obeyed',
};

/** null: there is nothing to do. */
export const remedyFor = ({ name, state }: Pick<PlacedAccount, 'name' | 'state'>): string | null =>
  remedies[state]?.(name) ?? null;
