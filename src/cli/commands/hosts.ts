import type { Command } from 'commander';
import { FleetError } from '../../model/errors.ts';
import type { Inventory } from '../../model/inventory.ts';
import { confirm } from '../confirm.ts';
import { type OpenContext, withContext, withLock } from '../open-context.ts';
import { setAction } from '../run-command.ts';
import { registerAdd } from './host-add.ts';
import { registerForget, registerRename, registerTrust } from './host-names.ts';

/** `fleet hosts ...`. */
export function registerHosts(program: Command): void {
  const hosts = program.command('hosts').description('the servers of the fleet');
  registerList(hosts);
  registerAdd(hosts);
  registerTrust(hosts);
  registerStates(hosts);
  registerTakeOver(hosts);
  registerRename(hosts);
  registerForget(hosts);
}

function registerList(hosts: Command): void {
  setAction(hosts.command('list').description('every host, its state and its load, from the ledger'), async ({ options, signal }) => {
    const [{ readFleetView }, { rankHosts }, { selectHosts }, { listHosts }, { formatHosts, hostData }] = await Promise.all([
      import('../../workflows/read-fleet-view.ts'),
      import('../../planning/ranking.ts'),
      import('../../inventory/select-hosts.ts'),
      import('../../ledger/hosts.ts'),
      import('../render/hosts.ts'),
    ]);
    return withContext(options, signal, async (context) => {
      const chosen = new Set<string>(selectHosts(context.inventory, options.limit).map(({ name }) => name));
      const { view } = await readFleetView(context, { maxAgeMs: null });
      const rows = new Map((await listHosts(context.ledger.db)).map((row) => [row.name, row]));
      const ranked = rankHosts(view, context.inventory.placement)
        .filter(({ host }) => chosen.has(host))
        .toSorted((a, b) => (a.host < b.host ? -1 : 1));
      const [{ straysOf }, { renamedHosts }, { listKnownAccounts }, { formatStrays }] = await Promise.all([
        import('../../workflows/fleet-status.ts'),
        import('../../workflows/host-identity.ts'),
        import('../../workflows/known-accounts.ts'),
        import('../render/status.ts'),
      ]);
      const strays = straysOf(context.inventory, await listKnownAccounts(context.ledger.db), await renamedHosts(context));
      const text = [formatHosts(ranked, rows, context.now()), ...(strays.length > 0 ? [formatStrays(strays)] : [])].join('\n\n');
      return { data: { hosts: ranked.map((rank) => hostData(rank, rows.get(rank.host))), notInInventory: strays }, text };
    });
  });
}

/** Names that the inventory or the ledger knows; all unknown ones at once. */
async function requireHosts(context: OpenContext, names: readonly string[]): Promise<void> {
  const { ensureHosts, listHosts } = await import('../../ledger/hosts.ts');
  const inInventory = (context.inventory satisfies Inventory).hosts.map(({ name }) => name as string);
  await ensureHosts(context.ledger.db, inInventory);
  const known = new Set((await listHosts(context.ledger.db)).map(({ name }) => name));
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new FleetError('usage', `no such host: ${unknown.join(', ')}`, { hint: 'fleet hosts list shows the known ones' });
}

function registerStates(hosts: Command): void {
  const cordon = hosts
    .command('cordon <hosts...>')
    .description('place no more accounts there')
    .option('--reason <text>', 'why, for the others', 'by the operator');
  setAction<{ reason: string }>(cordon, async ({ options, args, signal }) =>
    withLock('hosts cordon', options, signal, async (context) => {
      const { setCordon } = await import('../../ledger/hosts.ts');
      await requireHosts(context, args);
      for (const name of args) await setCordon(context.ledger.db, name, options.reason);
      return { data: { cordoned: args }, text: `${args.join(', ')} cordoned` };
    }),
  );
  setAction(hosts.command('uncordon <hosts...>').description('place accounts there again'), async ({ options, args, signal }) =>
    withLock('hosts uncordon', options, signal, async (context) => {
      const { setCordon } = await import('../../ledger/hosts.ts');
      await requireHosts(context, args);
      for (const name of args) await setCordon(context.ledger.db, name, null);
      const still = context.inventory.hosts.filter(({ name, cordoned }) => args.includes(name) && cordoned).map(({ name }) => name);
      const note = still.length === 0 ? '' : `; still cordoned in the inventory: ${still.join(', ')}`;
      return { data: { uncordoned: args, cordonedInInventory: still }, text: `${args.join(', ')} uncordoned${note}` };
    }),
  );
}

function registerTakeOver(hosts: Command): void {
  const command = hosts
    .command('take-over <hosts...>')
    .description('let these hosts obey this ledger from now on; the one that they obeyed is refused');
  setAction(command, async ({ options, args, signal }) =>
    withLock('hosts take-over', options, signal, async (context, begin) => {
      const { takeOverHost } = await import('../../workflows/take-over-host.ts');
      const { selectHosts } = await import('../../inventory/select-hosts.ts');
      const { forEachHost } = await import('../../remote/for-each-host.ts');
      const chosen = selectHosts(context.inventory, args);
      await confirm(
        `Is the ledger that ${args.join(', ')} obeyed until now out of use? Two that work on the same accounts lose them`,
        options,
      );
      const run = await begin();
      const outcomes = await forEachHost(chosen, context.inventory.concurrency, (host) => takeOverHost(context, run, host), signal);
      const taken = outcomes.filter(({ ok }) => ok).map(({ host }) => host.name);
      const errors = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error]));
      return { data: { takenOver: taken }, text: taken.length === 0 ? '' : `${taken.join(', ')} now obey this ledger`, errors };
    }),
  );
}
