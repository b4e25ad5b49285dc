import type { PlacedAccount } from '../../ledger/queries/accounts.ts';
import { FleetError } from '../../model/errors.ts';
import { isAccountName } from '../../model/names.ts';
import { argument } from '../input.ts';
import type { OpenContext } from '../open-context.ts';
import { defineChange } from '../verb.ts';

/** `fleet accounts pin`. */
export const pinAccount = defineChange({
  name: 'accounts pin',
  group: 'accounts',
  summary: 'keep an account on one host; default: the host where it runs',
  input: { account: argument({ of: 'account' }), host: argument({ of: 'host', isOptional: true }) },
  examples: [
    ['accounts pin anna', 'it stays where it is'],
    ['accounts pin anna h2', 'it belongs on h2; fleet move takes it there'],
  ],
  files: ['inventory', 'ledger'],
  async plan(context, input) {
    const account = await find(context, input.account);
    const host = input.host ?? account.host;
    if (host === null)
      throw new FleetError('usage', `${account.name} is on no host: name the one it is pinned to`, {
        hint: `fleet accounts pin ${account.name} HOST`,
      });
    if (!context.inventory.hosts.some(({ name }) => name === host))
      throw new FleetError('usage', `no such host: ${host}`, {
        host,
        hint: 'fleet hosts list shows the known ones',
      });
    return { account, host };
  },
  async execute(context, _, { account, host }) {
    await change(context, account, host);
    return null;
  },
  toJson: ({ account, host }) => ({ account: account.name, pinnedTo: host, host: account.host }),
});

/** `fleet accounts unpin`. */
export const unpinAccount = defineChange({
  name: 'accounts unpin',
  group: 'accounts',
  summary: 'let fleet choose the host of an account again',
  input: { account: argument({ of: 'account' }) },
  examples: [
    ['accounts unpin anna', 'it goes wherever it fits best, at the next rebalance'],
    ['rebalance --dry-run', 'would it move?'],
  ],
  files: ['inventory', 'ledger'],
  plan: (context, input) => find(context, input.account),
  async execute(context, _, account) {
    await change(context, account, null);
    return null;
  },
  toJson: (account) => ({ account: account.name, pinnedTo: null, host: account.host }),
});

async function find(context: OpenContext, name: string): Promise<PlacedAccount> {
  const [{ requireAccount }, { accountSpecFor }] = await Promise.all([
    import('../../workflows/ownership/account-acts.ts'),
    import('../../inventory/account-spec.ts'),
  ]);
  const account = await requireAccount(context, name);
  const pinned = isAccountName(name) ? accountSpecFor(context.inventory, name).pinnedTo : null;
  if (pinned === null) return account;
  throw new FleetError('usage', `the inventory pins ${name} to ${pinned}`, {
    account: name,
    hint: `change pinned_to of ${name} there`,
  });
}

async function change(
  { ledger, now }: OpenContext,
  { name, host }: PlacedAccount,
  pinnedTo: string | null,
): Promise<void> {
  const [{ setPin }, { recordEvent }] = await Promise.all([
    import('../../ledger/queries/accounts.ts'),
    import('../../ledger/queries/events.ts'),
  ]);
  await ledger.db.transaction().execute(async (transaction) => {
    await setPin(transaction, name, pinnedTo);
    const about = { at: now(), host, account: name };
    await recordEvent(
      transaction,
      pinnedTo === null
        ? { ...about, kind: 'account-unpinned' }
        : { ...about, kind: 'account-pinned', to: pinnedTo },
    );
  });
}
