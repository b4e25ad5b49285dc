import { argument } from '../input.ts';
import { defineChange } from '../verb.ts';

/** Which script it is, in words. */
export const scriptWords = (script: string | undefined): string =>
  script === undefined ? "the inventory's script" : `script ${script}`;

/** `fleet accounts set-script`. */
export const setScript = defineChange({
  name: 'accounts set-script',
  group: 'talk',
  summary: "choose the script of an account; without a name, use the inventory's script again",
  input: {
    account: argument({ of: 'account' }),
    script: argument({ of: 'script', isOptional: true }),
  },
  examples: [
    ['accounts set-script anna welcome', 'another script than the inventory says'],
    ['accounts set-script anna', "back to the inventory's"],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig', 'scripts'],
  plan: async () => null,
  question: (_, { account, script }) => `Let ${account} answer by ${scriptWords(script)}?`,
  async execute(context, begin, _, { account, script }) {
    const { chooseScript } = await import('../../workflows/accounts/account-control.ts');
    return chooseScript(context, await begin(), account, script ?? null);
  },
  toJson: (_, _errors, { account, script = null }) => ({ account, script }),
  problems: (_, errors) => errors ?? [],
});
