import { resolve } from 'node:path';
import type { WrittenFormat } from '../../model/session.ts';
import { argument, option } from '../input.ts';
import { defineChange } from '../verb.ts';

const formats = [
  'telethon',
  'telethon-string',
  'pyrogram',
  'pyrogram-string',
  'gramjs-string',
  'mtcute-string',
] as const satisfies readonly WrittenFormat[];

/** `fleet accounts export`. */
export const exportAccount = defineChange({
  name: 'accounts export',
  group: 'accounts',
  summary: 'stop an account and write its session to a file',
  input: {
    account: argument({ of: 'account' }),
    format: option({
      short: 'f',
      shown: 'format',
      words: 'format of the file',
      choices: formats,
      isRequired: true,
    }),
    output: option({
      of: 'file',
      short: 'o',
      shown: 'file',
      words: 'where to write it (must not exist)',
      isRequired: true,
    }),
  },
  examples: [
    [
      'accounts export anna --format telethon --output anna.session',
      'for a program that uses Telethon',
    ],
    ['accounts import anna.session', 'it comes back as the account that it was'],
  ],
  files: ['inventory', 'ledger', 'vault', 'key', 'knownHosts', 'sshConfig'],
  plan: async () => null,
  question: (_, { account, output }) =>
    `Stop ${account} and write its session, unencrypted, to ${output}?`,
  async execute(context, begin, _, { account, format, output }) {
    const workflow = await import('../../workflows/accounts/detach-account.ts');
    const path = resolve(output);
    await workflow.exportAccount(context, await begin(), account, format, path);
    return { path };
  },
  toJson: (_, done, { account, format }) => ({ account, format, path: done?.path }),
});
