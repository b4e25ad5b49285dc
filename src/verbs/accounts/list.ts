import { accountData } from '../results/accounts/accounts.ts';
import { accountListOptions, listedAccounts } from '../results/accounts/listed-accounts.ts';
import { defineLook } from '../verb.ts';

/** `fleet accounts list`. */
export const listAccounts = defineLook({
  name: 'accounts list',
  isWatchable: true,
  group: 'accounts',
  summary: 'every account, its state and its host, from the ledger',
  input: accountListOptions,
  examples: [
    ['accounts list', 'all accounts, as they were seen last'],
    [
      'accounts list --state offline,needs-login --sort since',
      'accounts with problems, the longest first',
    ],
    ['accounts list --limit eu --json', 'those on hosts of the group eu, for programs'],
  ],
  files: ['inventory', 'ledger'],
  async look({ inventory, ledger }, { limit, ...wishes }) {
    const [{ listKnownAccounts }, { selectHosts }] = await Promise.all([
      import('../../workflows/accounts/known-accounts.ts'),
      import('../../inventory/select-hosts.ts'),
    ]);
    const chosen = new Set<string>(selectHosts(inventory, limit).map(({ name }) => name));
    const all = await listKnownAccounts(ledger.db);
    const there =
      limit.length === 0 ? all : all.filter(({ host }) => host !== null && chosen.has(host));
    return { accounts: listedAccounts(there, wishes), total: all.length };
  },
  toJson: ({ accounts }) => ({ accounts: accounts.map(accountData) }),
});
