import { argument } from '../input.ts';
import { verificationErrors } from '../results/accounts/accounts.ts';
import { defineLook } from '../verb.ts';
import { eachAccount } from './each-account.ts';

/** `fleet accounts verify`. */
export const verifyAccounts = defineLook({
  name: 'accounts verify',
  group: 'accounts',
  summary: 'ask the worker on its host whether Telegram answers; opens no second client',
  input: { accounts: argument({ of: 'account', isMany: true }) },
  examples: [
    ['accounts verify anna', 'does Telegram answer it, and as the same user?'],
    ['accounts verify anna bert --json', 'two at once, for programs'],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig'],
  exits: { 3: 'an account is not online, or is somebody else' },
  async look(context, { accounts }) {
    const { verifyAccount } = await import('../../workflows/ownership/account-acts.ts');
    return eachAccount(accounts, (name) => verifyAccount(context, name));
  },
  toJson: ({ values }) => ({ accounts: values }),
  problems: ({ values, errors }) => [...errors, ...verificationErrors(values)],
});
