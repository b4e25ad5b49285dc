import { argument } from '../input.ts';
import { defineChange } from '../verb.ts';
import { eachAccount } from './each-account.ts';

const accounts = argument({ of: 'account', isMany: true });

/** `fleet accounts stop`. */
export const stopAccounts = defineChange({
  name: 'accounts stop',
  group: 'accounts',
  summary: 'stop workers; their hosts still own the accounts',
  input: { accounts },
  examples: [
    ['accounts stop anna', 'until: fleet accounts start anna'],
    ['accounts pause anna', 'instead: it stays online and says nothing'],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig'],
  plan: async () => null,
  question: (_, input) => `Stop ${input.accounts.join(', ')}?`,
  async execute(context, begin, _, input) {
    const { stopAccount } = await import('../../workflows/ownership/account-acts.ts');
    const run = await begin();
    return eachAccount(input.accounts, (name) => stopAccount(context, run, name).then(() => name));
  },
  toJson: (_, done) => ({ stopped: done?.values ?? [] }),
  problems: (_, done) => done?.errors ?? [],
});

/** `fleet accounts start`. */
export const startAccounts = defineChange({
  name: 'accounts start',
  group: 'accounts',
  summary: 'start stopped workers on their hosts',
  input: { accounts },
  examples: [
    ['accounts start anna', 'after fleet accounts stop'],
    ['accounts start anna bert', 'two at once'],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig'],
  plan: async () => null,
  async execute(context, begin, _, input) {
    const { startAccount } = await import('../../workflows/ownership/account-acts.ts');
    const run = await begin();
    return eachAccount(input.accounts, (name) => startAccount(context, run, name).then(() => name));
  },
  toJson: (_, done) => ({ started: done?.values ?? [] }),
  problems: (_, done) => done?.errors ?? [],
});
