import { argument } from '../input.ts';
import { defineChange } from '../verb.ts';

const input = { accounts: argument({ of: 'account', isMany: true }) };

const pauseVerb = (
  verb: 'pause' | 'resume',
  facts: { readonly summary: string; readonly examples: readonly (readonly [string, string])[] },
) =>
  defineChange({
    ...facts,
    name: `accounts ${verb}`,
    group: 'talk',
    input,
    files: ['inventory', 'ledger', 'knownHosts', 'sshConfig', 'scripts'],
    exits: { 3: 'a host was not told; the next fleet scripts push tells it' },
    plan: async () => null,
    question: (_, { accounts }) =>
      `${verb === 'pause' ? 'Pause' : 'Resume'} ${accounts.join(', ')}?`,
    async execute(context, begin, _, { accounts }) {
      const { pauseAccounts } = await import('../../workflows/accounts/account-control.ts');
      return pauseAccounts(context, await begin(), accounts, verb === 'pause');
    },
    toJson: (_, _errors, { accounts }) => ({ accounts, isPaused: verb === 'pause' }),
    problems: (_, errors) => errors ?? [],
  });

/** `fleet accounts pause`. */
export const pauseAccounts = pauseVerb('pause', {
  summary: 'let accounts stay online, read and remember, and say nothing until they are resumed',
  examples: [
    ['accounts pause anna', 'it says nothing from now on'],
    ['accounts resume anna', 'until then'],
  ],
});

/** `fleet accounts resume`. */
export const resumeAccounts = pauseVerb('resume', {
  summary: 'let paused accounts answer again',
  examples: [
    ['accounts resume anna', 'it answers again'],
    ['accounts resume anna bert', 'two at once'],
  ],
});
