import { FleetError } from '../../model/errors.ts';
import { argument } from '../input.ts';
import { hostData } from '../results/hosts/hosts.ts';
import { defineLook } from '../verb.ts';

/** `fleet hosts show`. */
export const showHost = defineLook({
  name: 'hosts show',
  group: 'hosts',
  summary:
    'everything the ledger knows about one host: state, accounts, contacts, the last decisions',
  input: { host: argument({ of: 'host' }) },
  examples: [
    ['hosts show h2', 'what it runs, when it was seen, and what happened there'],
    ['config show h2', 'its settings, and where each comes from'],
  ],
  files: ['inventory', 'ledger'],
  async look(context, { host: name }) {
    const [{ readFleetView }, { rankHosts }, ledgerHosts, { listAccounts }, { readHistory }] =
      await Promise.all([
        import('../../workflows/hosts/read-fleet-view.ts'),
        import('../../planning/fleet/ranking.ts'),
        import('../../ledger/queries/hosts.ts'),
        import('../../ledger/queries/accounts.ts'),
        import('../../ledger/queries/records.ts'),
      ]);
    const { db } = context.ledger;
    const { view } = await readFleetView(context, { maxAgeMs: null });
    const row = (await ledgerHosts.listHosts(db)).find((each) => each.name === name);
    const rank = rankHosts(view, context.inventory.placement).find(({ host }) => host === name);
    if (row === undefined && rank === undefined)
      throw new FleetError('usage', `no such host: ${name}`, {
        host: name,
        hint: 'fleet hosts list shows the known ones',
      });
    const accounts = (await listAccounts(db))
      .filter(({ host }) => host === name)
      .map((account) => ({ name: account.name, state: account.state }));
    const history = await readHistory(db, { host: name, limit: 10 });
    return {
      name,
      row,
      rank,
      accounts,
      history,
      isInInventory: context.inventory.hosts.some((each) => each.name === name),
    };
  },
  toJson: ({ name, row, rank, accounts, history, isInInventory }) => ({
    host: rank === undefined ? { name } : hostData(rank, row),
    ...{
      isInInventory,
      cordonReason: row?.cordon_reason ?? null,
      failureReason: row?.failure_reason ?? null,
      health: row?.health ?? null,
    },
    ...{ accounts, history },
  }),
});
