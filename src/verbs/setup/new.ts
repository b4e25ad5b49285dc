import { resolve } from 'node:path';
import { argument, dryRun, option } from '../input.ts';
import { type NewEnd, newData } from '../results/setup/new.ts';
import { defineErrand } from '../verb.ts';
import { portOption } from './login-options.ts';

/** `fleet new`. */
export const newFleet = defineErrand({
  name: 'new',
  group: 'setup',
  isLocal: true,
  summary:
    'write an inventory of your servers and create the vault key; asks for what the ' +
    'options do not say',
  input: {
    servers: argument({ isMany: true, isOptional: true }),
    fromSshConfig: option({
      shown: 'pattern',
      words: 'the hosts of your ssh config that match: web-*, or * for all',
    }),
    fromAnsible: option({
      ...{ of: 'file', shown: 'file' },
      words: 'an Ansible inventory (INI or YAML) with the group_vars and host_vars beside it',
    }),
    fromMasterConfig: option({
      of: 'file',
      shown: 'file',
      words: 'the servers of a master_config.json',
    }),
    name: option({ shown: 'name', words: 'name of the fleet; default: that of the folder' }),
    user: option({ shown: 'user', words: 'log in as this user where the source names none' }),
    port: portOption('port where the source names none'),
    identityFile: option({
      of: 'file',
      shown: 'file',
      words: 'private key where the source names none',
    }),
    vaultKey: option({
      ...{ of: 'secret', shown: 'reference' },
      words:
        "where the vault's key is: file:PATH, env:NAME or exec:COMMAND; default: " +
        'file:~/.config/fleet/NAME.key',
    }),
    apiId: option({
      shown: 'id',
      words: 'api_id of your application, or a secret reference; default: env:TELEGRAM_API_ID',
    }),
    apiHash: option({
      ...{ of: 'secret', shown: 'reference' },
      words: 'secret reference of its api_hash; default: env:TELEGRAM_API_HASH',
    }),
    dryRun: dryRun('print the inventory and write nothing'),
  },
  examples: [
    ['new root@192.0.2.11 root@192.0.2.12', 'two servers by their addresses'],
    ["new --from-ssh-config 'web-*'", 'the hosts of your ssh config that match'],
    ['new --from-ansible hosts.ini --dry-run', 'print what would be written'],
  ],
  files: ['inventory', 'key', 'sshConfig'],
  effects: 'files',
  async run(desk, input): Promise<NewEnd> {
    const [{ planNewInventory, refuseTaken, writeNewInventory }, { gatherNew }] = await Promise.all(
      [import('../../workflows/new/write-inventory.ts'), import('./gather-new.ts')],
    );
    const path = desk.inventory ?? 'inventory.yaml';
    refuseTaken(path);
    const { answers, servers, apiHash } = await gatherNew(desk, path, input);
    const plan = planNewInventory(path, servers, answers);
    if (input.dryRun) return { kind: 'plan', text: plan.text, notRead: plan.notRead };
    const written = await writeNewInventory(plan, apiHash);
    return {
      kind: 'written',
      ...plan,
      ...written,
      isElsewhere: resolve(path) !== resolve('inventory.yaml'),
    };
  },
  toJson: (end) => newData(end),
});
