import { argument } from '../input.ts';
import { defineChange } from '../verb.ts';

/** `fleet accounts restart`. */
export const restartAccounts = defineChange({
  name: 'accounts restart',
  group: 'accounts',
  summary:
    'restart workers with the current telegram:, worker:, limits: and model settings, one ' +
    'at a time on each host',
  input: { accounts: argument({ of: 'account', isMany: true }) },
  examples: [
    ['accounts restart anna', 'after limits: changed in the inventory'],
    ['accounts restart anna bert --yes', 'two, without a question'],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig'],
  async plan(context, { accounts }) {
    const { planRestarts } = await import('../../workflows/accounts/restart-accounts.ts');
    return planRestarts(context, accounts);
  },
  isEmpty: ({ errors }) => errors.length > 0,
  question: ({ restarts }) =>
    `Restart ${restarts.map(({ account, host }) => `${account.name} on ${host.name}`).join(', ')}?`,
  async execute(context, begin, plan) {
    const { executeRestarts } = await import('../../workflows/accounts/restart-accounts.ts');
    const errors = await executeRestarts(context, await begin(), plan);
    const failed = new Set(errors.map(({ host }) => host));
    return {
      errors,
      restarted: plan.restarts
        .filter(({ host }) => !failed.has(host.name))
        .map(({ account }) => account.name),
    };
  },
  toJson: (_, done) => ({ restarted: done?.restarted ?? [] }),
  problems: ({ errors }, done) => [...errors, ...(done?.errors ?? [])],
});
