import type { PlacedAccount } from '../../../ledger/queries/accounts.ts';
import { accountStates } from '../../../model/account-state.ts';
import { option } from '../../input.ts';

/** `--state` and `--sort` of the verbs that list accounts. */
export const accountListOptions = {
  state: option({
    ...{ shown: 'state', isMany: true, many: 'commas', choices: accountStates, example: 'offline' },
    words: 'only accounts in this state (repeatable, or several with commas)',
  }),
  sort: option({
    ...{
      shown: 'field',
      choices: ['name', 'state', 'since', 'host'],
      start: 'name',
      example: 'since',
    },
    words: 'order of accounts; since: the longest in their state first',
  }),
} as const;

interface Wishes {
  readonly state: readonly PlacedAccount['state'][];
  readonly sort: 'name' | 'state' | 'since' | 'host';
}

const byText = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

/** Accounts without a host come last. */
const byHost = (one: PlacedAccount, other: PlacedAccount): number =>
  Number(one.host === null) - Number(other.host === null) ||
  byText(one.host ?? '', other.host ?? '');

const orders: Readonly<
  Record<Wishes['sort'], (one: PlacedAccount, other: PlacedAccount) => number>
> = {
  name: () => 0,
  state: (one, other) => byText(one.state, other.state),
  since: (one, other) => one.state_since - other.state_since,
  host: byHost,
};

/** Those in one of the states (none named: all), in their order; equal ones by name. Pure. */
export const listedAccounts = (
  accounts: readonly PlacedAccount[],
  { state, sort }: Wishes,
): readonly PlacedAccount[] =>
  accounts
    .filter((account) => state.length === 0 || state.includes(account.state))
    .toSorted((one, other) => orders[sort](one, other) || byText(one.name, other.name));
