import { flag } from '../input.ts';
import { accountListOptions, listedAccounts } from '../results/accounts/listed-accounts.ts';
import { statusData } from '../results/looks/status.ts';
import { defineLook } from '../verb.ts';

/** `fleet status`: the fleet on one screen. */
export const status = defineLook({
  name: 'status',
  isWatchable: true,
  group: 'looks',
  summary: 'hosts and accounts on one screen, from the ledger',
  input: { live: flag('ask the agents first'), ...accountListOptions },
  examples: [
    ['status', 'what the ledger knows; asks no host'],
    ['status --live --limit eu', 'ask the hosts of the group eu first'],
    ['status --state offline', 'of the accounts, only those that are offline'],
    ['status --json', 'the same for programs'],
  ],
  files: ['inventory', 'ledger'],
  async look(context, { live, limit, ...wishes }) {
    const { readFleetStatus } = await import('../../workflows/checkup/fleet-status.ts');
    const found = await readFleetStatus(context, limit, live);
    return { ...found, listed: listedAccounts(found.accounts, wishes) };
  },
  toJson: statusData,
  problems: ({ errors }) => errors,
});
