import { accountData } from '../results/accounts.ts';
import { defineLook } from '../verb.ts';

/** `fleet accounts list`. */
export const listAccounts = defineLook({
  name: 'accounts list',
  isWatchable: true,
  group: 'accounts',
  summary: 'every account, its state and its host, from the ledger',
  input: {},
  examples: [
    ['accounts list', 'all accounts, as they were seen last'],
    ['accounts list --limit eu --json', 'those on hosts of the group eu, for programs'],
  ],
  files: ['inventory', 'ledger'],
  async look({ inventory, ledger }, { limit }) {
    const [{ listKnownAccounts }, { selectHosts }] = await Promise.all([
      import('../../workflows/known-accounts.ts'),
      import('../../inventory/select-hosts.ts'),
    ]);
    const chosen = new Set<string>(selectHosts(inventory, limit).map(({ name }) => name));
    const all = await listKnownAccounts(ledger.db);
    return limit.length === 0 ? all : all.filter(({ host }) => host !== null && chosen.has(host));
  },
  toJson: (rows) => ({ accounts: rows.map(accountData) }),
});
