import { FleetError } from '../../model/errors.ts';
import { argument, option } from '../input.ts';
import { defineChange } from '../verb.ts';

/** `fleet accounts send-test`. */
export const sendTest = defineChange({
  name: 'accounts send-test',
  group: 'talk',
  summary:
    'send one message to a chat that the account may answer in (its id, or its name in the ' +
    'inventory); its worker sends it within its limits',
  input: {
    account: argument({ of: 'account' }),
    chat: argument({}),
    text: option({
      shown: 'text',
      words: 'what it says',
      start: 'This is a test message of the operator.',
    }),
  },
  examples: [
    ['accounts send-test anna garden', 'in the chat that the inventory calls garden'],
    ['accounts send-test anna garden --text "Good morning"', 'with your own words'],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig'],
  exits: { 3: 'it did not say it; the message says why' },
  check({ text }) {
    if (text.trim() === '' || text.length > 1000) {
      throw new FleetError('usage', '--text is empty or longer than 1000 characters', {
        hint: 'say less',
      });
    }
  },
  plan: async () => null,
  question: (_, { account, chat, text }) => `Let ${account} say in ${chat}: ${text}`,
  async execute(context, begin, _, { account, chat, text }) {
    const workflow = await import('../../workflows/accounts/account-control.ts');
    return { ...(await workflow.sendTest(context, await begin(), account, chat, text)), account };
  },
  toJson: (_, done, { account, chat }) => ({
    ...{ account, chat, isSent: done?.isSent },
    ...(done === null || done.isSent ? {} : { reason: done.reason }),
  }),
  problems(_, done) {
    if (done === null || done.isSent) return [];
    const { account, reason } = done;
    return [
      new FleetError('account-offline', `${account} did not send the message: ${reason}`, {
        account,
        hint: `fleet why-silent ${account} tells what holds it`,
      }),
    ];
  },
});
