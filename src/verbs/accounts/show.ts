import { argument } from '../input.ts';
import { accountData } from '../results/accounts/accounts.ts';
import { defineLook } from '../verb.ts';

/** `fleet accounts show`. */
export const showAccount = defineLook({
  name: 'accounts show',
  group: 'accounts',
  summary: 'everything the ledger knows about one account',
  input: { account: argument({ of: 'account' }) },
  examples: [
    ['accounts show anna', 'state, host, pins, script and the last decisions'],
    ['why anna', 'why it is where it is'],
  ],
  files: ['inventory', 'ledger'],
  async look(context, { account }) {
    const [{ requireAccount }, { readHistory }, { listKnownAccounts }] = await Promise.all([
      import('../../workflows/ownership/account-acts.ts'),
      import('../../ledger/queries/records.ts'),
      import('../../workflows/accounts/known-accounts.ts'),
    ]);
    const { name } = await requireAccount(context, account);
    const known = await listKnownAccounts(context.ledger.db);
    const row = known.find((each) => each.name === name) ?? (await requireAccount(context, name));
    return { row, history: await readHistory(context.ledger.db, { account: row.name, limit: 10 }) };
  },
  toJson: ({ row, history }) => ({ account: accountData(row), history }),
});
