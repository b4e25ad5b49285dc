import { hostData } from '../results/hosts/hosts.ts';
import { hostListOptions, listedHosts } from '../results/hosts/listed-hosts.ts';
import { defineLook } from '../verb.ts';

/** `fleet hosts list`. */
export const listHosts = defineLook({
  name: 'hosts list',
  isWatchable: true,
  group: 'hosts',
  summary: 'every host, its state and its load, from the ledger',
  input: hostListOptions,
  examples: [
    ['hosts list', 'all hosts, as they were seen last'],
    ['hosts list --state unhealthy', 'only unhealthy hosts'],
    ['hosts list --limit eu --json', 'the group eu, for programs'],
  ],
  files: ['inventory', 'ledger'],
  async look(context, { limit, ...wishes }) {
    const [{ readFleetView }, { rankHosts }, { selectHosts }, ledgerHosts] = await Promise.all([
      import('../../workflows/hosts/read-fleet-view.ts'),
      import('../../planning/fleet/ranking.ts'),
      import('../../inventory/select-hosts.ts'),
      import('../../ledger/queries/hosts.ts'),
    ]);
    const chosen = new Set<string>(selectHosts(context.inventory, limit).map(({ name }) => name));
    const { view } = await readFleetView(context, { maxAgeMs: null });
    const rows = new Map(
      (await ledgerHosts.listHosts(context.ledger.db)).map((row) => [row.name, row]),
    );
    const there = rankHosts(view, context.inventory.placement).filter(({ host }) =>
      chosen.has(host),
    );
    const hosts = listedHosts(there, rows, wishes);
    const [{ straysOf }, { renamedHosts }, { listKnownAccounts }] = await Promise.all([
      import('../../workflows/checkup/fleet-status.ts'),
      import('../../workflows/hosts/host-identity.ts'),
      import('../../workflows/accounts/known-accounts.ts'),
    ]);
    const strays = straysOf(
      context.inventory,
      await listKnownAccounts(context.ledger.db),
      await renamedHosts(context),
    );
    return { hosts, rows, strays, total: context.inventory.hosts.length };
  },
  toJson: ({ hosts, rows, strays }) => ({
    hosts: hosts.map((rank) => hostData(rank, rows.get(rank.host))),
    notInInventory: strays,
  }),
});
