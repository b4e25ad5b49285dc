import type { Command } from 'commander';
import type { PlacedAccount } from '../../ledger/accounts.ts';
import { FleetError } from '../../model/errors.ts';
import { isAccountName } from '../../model/names.ts';
import { type OpenContext, withLock } from '../open-context.ts';
import { setAction } from '../run-command.ts';

/** `fleet accounts pin` and `unpin`. */
export function registerPins(accounts: Command): void {
  const pin = accounts.command('pin <account> [host]').description('place the account nowhere else; default: the host where it is');
  setAction(pin, async ({ options, args, signal }) =>
    withLock('accounts pin', options, signal, async (context) => {
      const account = await find(context, args[0] ?? '');
      const host = args[1] ?? account.host;
      if (host === null)
        throw new FleetError('usage', `${account.name} is on no host: name the one it is pinned to`, {
          hint: `fleet accounts pin ${account.name} HOST`,
        });
      if (!context.inventory.hosts.some(({ name }) => name === host))
        throw new FleetError('usage', `no such host: ${host}`, { host, hint: 'fleet hosts list shows the known ones' });
      await change(context, account, host);
      const note =
        account.host === null || account.host === host ? '' : `; it is on ${account.host} until: fleet move ${account.name} ${host}`;
      return { data: { account: account.name, pinnedTo: host, host: account.host }, text: `${account.name} is pinned to ${host}${note}` };
    }),
  );
  setAction(
    accounts.command('unpin <account>').description('place the account wherever the planner puts it'),
    async ({ options, args, signal }) =>
      withLock('accounts unpin', options, signal, async (context) => {
        const account = await find(context, args[0] ?? '');
        await change(context, account, null);
        return { data: { account: account.name, pinnedTo: null, host: account.host }, text: `${account.name} is not pinned` };
      }),
  );
}

async function find(context: OpenContext, name: string): Promise<PlacedAccount> {
  const [{ requireAccount }, { accountSpecFor }] = await Promise.all([
    import('../../workflows/account-acts.ts'),
    import('../../inventory/account-spec.ts'),
  ]);
  const account = await requireAccount(context, name);
  const pinned = isAccountName(name) ? accountSpecFor(context.inventory, name).pinnedTo : null;
  if (pinned === null) return account;
  throw new FleetError('usage', `the inventory pins ${name} to ${pinned}`, { account: name, hint: `change pinned_to of ${name} there` });
}

async function change({ ledger, now }: OpenContext, { name, host }: PlacedAccount, pinnedTo: string | null): Promise<void> {
  const [{ setPin }, { recordEvent }] = await Promise.all([import('../../ledger/accounts.ts'), import('../../ledger/records.ts')]);
  await ledger.db.transaction().execute(async (transaction) => {
    await setPin(transaction, name, pinnedTo);
    const text = pinnedTo === null ? 'by the operator' : `to ${pinnedTo}, by the operator`;
    await recordEvent(transaction, {
      at: now(),
      kind: pinnedTo === null ? 'account-unpinned' : 'account-pinned',
      host,
      account: name,
      text,
    });
  });
}
