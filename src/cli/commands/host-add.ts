import type { Command } from 'commander';
import type { DraftHost } from '../../inventory/new/draft.ts';
import { FleetError } from '../../model/errors.ts';
import { inventoryPathOf } from '../open-context.ts';
import { countOption } from '../option-values.ts';
import { setAction } from '../run-command.ts';

interface AddFlags {
  readonly user?: string;
  readonly port?: number;
  readonly identityFile?: string;
  readonly password?: string;
  readonly sudoPassword?: string;
  readonly group: readonly string[];
  readonly label: readonly string[];
  readonly location?: string;
  readonly maxAccounts?: number;
  readonly dryRun?: boolean;
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** `fleet hosts add`. */
export function registerAdd(program: Command): void {
  const hosts = program.commands.find((each) => each.name() === 'hosts') ?? program.command('hosts');
  const command = hosts
    .command('add <name> [address]')
    .description(
      'write one more server into the inventory, whose comments and order stay; [USER@]ADDRESS[:PORT], or a name of the ssh config',
    )
    .option('--user <user>', 'log in as this user')
    .option('--port <port>', 'port of its SSH server', countOption('--port', { min: 1, max: 65_535 }, '22'))
    .option('--identity-file <file>', 'private key to try')
    .option('--password <reference>', 'login password, as env:NAME, file:PATH or exec:COMMAND')
    .option('--sudo-password <reference>', 'password for sudo, likewise')
    .option('--group <group>', 'group that it belongs to (repeatable)', collect, [])
    .option('--label <key=value>', 'label (repeatable)', collect, [])
    .option('--location <place>', 'city, or code of its airport')
    .option('--max-accounts <count>', 'accounts that it runs at most', countOption('--max-accounts', { min: 0, max: 1_000 }, '5'))
    .option('-n, --dry-run', 'print the inventory as it would be, and write nothing');
  setAction<AddFlags>(command, async ({ options, args }) => {
    const [{ planAddHost, writeAddedHost }, { readInventoryText }] = await Promise.all([
      import('../../workflows/config/add-host.ts'),
      import('../../inventory/load-inventory.ts'),
    ]);
    const [name = '', address] = args;
    const host = await hostFrom(name, address, options);
    const path = await inventoryPathOf(options);
    const plan = planAddHost(path, await readInventoryText(path), host);
    if (options.dryRun === true) return { data: { dryRun: true, host: name, text: plan.after }, text: plan.after.trimEnd() };
    await writeAddedHost(plan);
    const next = `fleet hosts trust ${name}, then fleet init --limit ${name}`;
    return { data: { host: name, inventory: plan.inventory.path, next }, text: `${name} added to ${path}.\nNext: ${next}` };
  });
}

/** Errors: `usage`, with every mistake at once. */
async function hostFrom(name: string, address: string | undefined, flags: AddFlags): Promise<DraftHost> {
  const [{ draftFromAddresses }, { isUserName }] = await Promise.all([
    import('../../inventory/new/from-addresses.ts'),
    import('../../inventory/new/names.ts'),
  ]);
  const outcome = draftFromAddresses([`${name}=${address ?? name}`]);
  const isReference = (text: string | undefined): boolean => text === undefined || /^(?:env|file|exec):./.test(text);
  const labels = flags.label.map((text) => /^([^=]+)=(.+)$/.exec(text));
  const mistakes = [
    ...(outcome.problems ?? (outcome.draft.hosts.length === 1 ? [] : [`${name}: one host at a time, no ranges`])),
    ...(flags.user === undefined || isUserName(flags.user) ? [] : ['--user: no system takes this user name']),
    // What was written there may be the secret itself.
    ...(isReference(flags.password) ? [] : ['--password: env:NAME, file:PATH or exec:COMMAND, never the password itself']),
    ...(isReference(flags.sudoPassword) ? [] : ['--sudo-password: env:NAME, file:PATH or exec:COMMAND, never the password itself']),
    ...labels.flatMap((found, index) => (found === null ? [`--label ${flags.label[index]}: write key=value`] : [])),
  ];
  const [host] = outcome.problems === undefined ? outcome.draft.hosts : [];
  if (mistakes.length > 0 || host === undefined)
    throw new FleetError('usage', `the host has ${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`}`, {
      hint: 'for example: fleet hosts add eu-3 root@192.0.2.13 --group eu',
      problems: mistakes,
    });
  const { user, port, identityFile, password, sudoPassword } = flags;
  const given = Object.fromEntries(
    Object.entries({ user, port, identityFile, password, sudoPassword }).filter(([, value]) => value !== undefined),
  );
  return {
    ...host,
    ...given,
    groups: flags.group,
    labels: Object.fromEntries(labels.flatMap((found) => (found === null ? [] : [[found[1] ?? '', found[2] ?? '']]))),
    location: flags.location ?? null,
    maxAccounts: flags.maxAccounts ?? null,
  };
}
