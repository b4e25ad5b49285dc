import type { Command } from 'commander';
import type { Inventory } from '../../model/inventory.ts';
import type { SshContext } from '../../remote/ssh-context.ts';
import { secretReader } from '../../verbs/open-context.ts';
import type { GlobalOptions } from '../global-options.ts';
import { inventoryPathOf } from '../open-context.ts';
import { setAction } from '../run-command.ts';

/** `fleet config ...`. */
export function registerConfig(program: Command): void {
  const config = program.command('config').description('the inventory: check it, and see what is in effect');
  setAction(
    config
      .command('validate')
      .description('check the inventory and what it names: profiles, scripts, the ssh config; asks no host, reads no secret'),
    async ({ options }) => {
      const { path, inventory, ssh } = await openConfig(options);
      const { validateConfig } = await import('../../workflows/config/validate.ts');
      const { formatValid } = await import('../render/config.ts');
      const valid = await validateConfig(inventory, ssh);
      return { data: { inventory: inventory.path, ...valid }, text: formatValid(path, valid) };
    },
  );
  setAction(
    config.command('show [name]').description('settings in effect for the fleet, or for a host or account, and where each comes from'),
    async ({ options, args }) => {
      const { path, text, inventory, ssh } = await openConfig(options);
      const { showConfig } = await import('../../workflows/config/show.ts');
      const { configData, formatConfig } = await import('../render/config.ts');
      const shown = await showConfig(inventory, text, path, args[0] ?? null, ssh);
      const errors = shown.flatMap(({ missing }) => (missing === null ? [] : [missing]));
      return { data: configData(path, shown), text: formatConfig(path, shown), errors, isPaged: true };
    },
  );
}

interface OpenConfig {
  /** As messages call it. */
  readonly path: string;
  readonly text: string;
  readonly inventory: Inventory;
  readonly ssh: SshContext;
}

async function openConfig(options: GlobalOptions): Promise<OpenConfig> {
  const [{ readInventoryText }, { parseInventory }, { openRemotes }] = await Promise.all([
    import('../../inventory/load-inventory.ts'),
    import('../../inventory/parse-inventory.ts'),
    import('../../verbs/open-remotes.ts'),
  ]);
  const path = await inventoryPathOf(options);
  const text = await readInventoryText(path);
  const inventory = parseInventory(text, { path });
  const { ssh } = openRemotes({ knownHosts: inventory.paths.knownHosts, readSecret: secretReader(inventory), signal: options.signal });
  return { path, text, inventory, ssh };
}
