import { argument } from '../input.ts';
import { defineChange } from '../verb.ts';
import { eachAccount } from './each-account.ts';

/** `fleet accounts remove`. */
export const removeAccounts = defineChange({
  name: 'accounts remove',
  group: 'accounts',
  summary: 'stop accounts and remove them from their hosts and from the fleet',
  input: { accounts: argument({ of: 'account', isMany: true }) },
  examples: [
    ['accounts remove anna', 'its encrypted session stays in a file that is named'],
    [
      'accounts export anna --format telethon --output anna.session',
      'instead: take its session elsewhere',
    ],
  ],
  files: ['inventory', 'ledger', 'vault', 'key', 'knownHosts', 'sshConfig'],
  plan: async () => null,
  question: (_, { accounts }) => `Take ${accounts.join(', ')} out of the fleet?`,
  async execute(context, begin, _, { accounts }) {
    const { removeAccount } = await import('../../workflows/accounts/detach-account.ts');
    const run = await begin();
    return eachAccount(accounts, async (name) => ({
      account: name,
      kept: await removeAccount(context, run, name),
    }));
  },
  toJson: (_, done) => ({ removed: done?.values ?? [] }),
  problems: (_, done) => done?.errors ?? [],
});
