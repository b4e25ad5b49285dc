import type { Inventory } from '../../model/inventory.ts';
import type { SshContext } from '../../remote/config/ssh-context.ts';
import type { Desk } from '../desk.ts';
import { argument } from '../input.ts';
import { inventoryPathOf, secretReader } from '../open-context.ts';
import { configData } from '../results/setup/config.ts';
import { defineErrand } from '../verb.ts';

interface OpenConfig {
  /** As messages call it. */
  readonly path: string;
  readonly text: string;
  readonly inventory: Inventory;
  readonly ssh: SshContext;
}

/**
 * The inventory with its text, and what the ssh config says; no ledger is opened or made for a
 * look.
 */
async function openConfig(desk: Desk): Promise<OpenConfig> {
  const [{ readInventoryText }, { parseInventory }, { openRemotes }] = await Promise.all([
    import('../../inventory/load-inventory.ts'),
    import('../../inventory/parse-inventory.ts'),
    import('../open-remotes.ts'),
  ]);
  const path = await inventoryPathOf(desk);
  const text = await readInventoryText(path);
  const inventory = parseInventory(text, { path });
  const { ssh } = openRemotes({
    knownHosts: inventory.paths.knownHosts,
    readSecret: secretReader(inventory),
    signal: desk.signal,
  });
  return { path, text, inventory, ssh };
}

/** `fleet config validate`. */
export const validateConfig = defineErrand({
  name: 'config validate',
  group: 'setup',
  summary:
    'check the inventory and what it names: profiles, scripts, the ssh config; asks no ' +
    'host, reads no secret',
  input: {},
  examples: [
    ['config validate', 'all mistakes at once; asks no host'],
    ['config validate --json', 'for a pipeline'],
  ],
  files: ['inventory', 'scripts', 'profiles', 'sshConfig'],
  effects: 'nothing',
  async run(desk) {
    const { path, inventory, ssh } = await openConfig(desk);
    const workflow = await import('../../workflows/config/validate.ts');
    return {
      path,
      inventory: inventory.path,
      valid: await workflow.validateConfig(inventory, ssh),
    };
  },
  toJson: ({ inventory, valid }) => ({ inventory, ...valid }),
});

/** `fleet config show`. */
export const showConfig = defineErrand({
  name: 'config show',
  group: 'setup',
  summary: 'settings in effect for the fleet, or for a host or account, and where each comes from',
  input: { name: argument({ of: 'subject', isOptional: true }) },
  examples: [
    ['config show', 'settings of the fleet, and where each comes from'],
    ['config show h2', 'the same of a host, or of an account'],
  ],
  files: ['inventory', 'sshConfig'],
  effects: 'nothing',
  async run(desk, { name = null }) {
    const { path, text, inventory, ssh } = await openConfig(desk);
    const workflow = await import('../../workflows/config/show.ts');
    return { path, shown: await workflow.showConfig(inventory, text, path, name, ssh) };
  },
  toJson: ({ path, shown }) => configData(path, shown),
  problems: ({ shown }) => shown.flatMap(({ missing }) => (missing === null ? [] : [missing])),
});
