import type { DraftHost } from '../../inventory/new/draft.ts';
import { FleetError } from '../../model/errors.ts';
import { argument, dryRun, type InputOf, option } from '../input.ts';
import { inventoryPathOf } from '../open-context.ts';
import { portOption } from '../setup/login-options.ts';
import { isReference, wantedReference } from '../setup/reference-words.ts';
import { defineErrand } from '../verb.ts';

const input = {
  name: argument({}),
  address: argument({ isOptional: true }),
  user: option({ shown: 'user', words: 'log in as this user' }),
  port: portOption('port of its SSH server'),
  identityFile: option({ of: 'file', shown: 'file', words: 'private key to try' }),
  password: option({
    of: 'secret',
    shown: 'reference',
    words: 'login password, as env:NAME, file:PATH or exec:COMMAND',
  }),
  sudoPassword: option({ of: 'secret', shown: 'reference', words: 'password for sudo, likewise' }),
  group: option({
    of: 'group',
    shown: 'group',
    isMany: true,
    words: 'group that it belongs to (repeatable)',
  }),
  label: option({ shown: 'key=value', isMany: true, words: 'label (repeatable)' }),
  location: option({ shown: 'place', words: 'city, or code of its airport' }),
  maxAccounts: option({
    ...{ of: 'count', shown: 'count', words: 'accounts that it runs at most' },
    ...{ range: { min: 0, max: 1_000 }, example: '5' },
  }),
  dryRun: dryRun('print the inventory as it would be, and write nothing'),
} as const;

/** `fleet hosts add`. */
export const addHost = defineErrand({
  name: 'hosts add',
  group: 'hosts',
  summary:
    'add a host to the inventory, by [USER@]ADDRESS[:PORT] or by its name in the ssh ' +
    'config; comments and order stay',
  input,
  examples: [
    ['hosts add eu-3 root@192.0.2.13 --group eu', 'one more server, in a group'],
    ['hosts add eu-3 root@192.0.2.13 --dry-run', 'print the inventory as it would be'],
  ],
  files: ['inventory'],
  effects: 'files',
  async run(desk, wishes) {
    const [{ planAddHost, writeAddedHost }, { readInventoryText }] = await Promise.all([
      import('../../workflows/config/add-host.ts'),
      import('../../inventory/load-inventory.ts'),
    ]);
    const host = await hostFrom(wishes);
    const path = await inventoryPathOf(desk);
    const plan = planAddHost(path, await readInventoryText(path), host);
    if (!wishes.dryRun) await writeAddedHost(plan);
    const { name } = host;
    return {
      name,
      path,
      inventory: plan.inventory.path,
      after: plan.after,
      next: `fleet hosts trust ${name}, then fleet init --limit ${name}`,
    };
  },
  toJson: ({ name, inventory, after, next }, { dryRun: isDryRun }) =>
    isDryRun ? { dryRun: true, host: name, text: after } : { host: name, inventory, next },
});

/** Errors: `usage`, with every mistake at once. */
async function hostFrom(wishes: InputOf<typeof input>): Promise<DraftHost> {
  const [{ draftFromAddresses }, { isUserName }] = await Promise.all([
    import('../../inventory/new/from-addresses.ts'),
    import('../../inventory/new/names.ts'),
  ]);
  const { name, address, user, port, identityFile, password, sudoPassword } = wishes;
  const outcome = draftFromAddresses([`${name}=${address ?? name}`]);
  const labels = wishes.label.map((text) => /^([^=]+)=(.+)$/.exec(text));
  const mistakes = [
    ...(outcome.problems ??
      (outcome.draft.hosts.length === 1 ? [] : [`${name}: one host at a time, no ranges`])),
    ...(user === undefined || isUserName(user) ? [] : ['--user: no system takes this user name']),
    ...(isReference(password) ? [] : [wantedReference('--password', 'password')]),
    ...(isReference(sudoPassword) ? [] : [wantedReference('--sudo-password', 'password')]),
    ...labels.flatMap((found, index) =>
      found === null ? [`--label ${wishes.label[index]}: write key=value`] : [],
    ),
  ];
  const [host] = outcome.problems === undefined ? outcome.draft.hosts : [];
  if (mistakes.length > 0 || host === undefined)
    throw new FleetError(
      'usage',
      `the host has ${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`}`,
      {
        hint: 'for example: fleet hosts add eu-3 root@192.0.2.13 --group eu',
        problems: mistakes,
      },
    );
  const given = Object.entries({ user, port, identityFile, password, sudoPassword }).filter(
    ([, value]) => value !== undefined,
  );
  return {
    ...host,
    ...Object.fromEntries(given),
    groups: wishes.group,
    labels: Object.fromEntries(
      labels.flatMap((found) => (found === null ? [] : [[found[1] ?? '', found[2] ?? '']])),
    ),
    location: wishes.location ?? null,
    maxAccounts: wishes.maxAccounts ?? null,
  };
}
