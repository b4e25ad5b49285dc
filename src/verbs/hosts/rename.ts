import { argument } from '../input.ts';
import { defineChange } from '../verb.ts';

/** `fleet hosts rename`. */
export const renameHost = defineChange({
  name: 'hosts rename',
  group: 'hosts',
  summary:
    'follow a host that was renamed in the inventory; accounts, pins and measurements stay with it',
  input: {
    old: argument({ of: 'host', isExact: true }),
    new: argument({ of: 'host', isExact: true }),
  },
  examples: [
    ['hosts rename h2 berlin-1', 'after h2 became berlin-1 in the inventory'],
    ['init --limit berlin-1', 'then tell the host its name'],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig'],
  async plan(context, input) {
    const { planRename } = await import('../../workflows/hosts/rename-host.ts');
    return planRename(context, input.old, input.new);
  },
  question({ accounts }, input) {
    const with_ =
      accounts.length === 0
        ? 'no accounts'
        : `${accounts.length} accounts (${accounts.join(', ')})`;
    return (
      `Is ${input.new} the same machine as ${input.old}? ${with_} and all that the ledger ` +
      'knows of it get the new name'
    );
  },
  async execute(context, _, rename, input) {
    const [{ executeRename }, { copyKnownHost }] = await Promise.all([
      import('../../workflows/hosts/rename-host.ts'),
      import('../../remote/ssh/trust-host.ts'),
    ]);
    const { host } = rename;
    const ssh = await context.ssh();
    const names = {
      before: (await ssh.target({ ...host, name: input.old as typeof host.name })).keyName,
      after: (await ssh.target(host)).keyName,
    };
    const isCopied = await copyKnownHost(
      context.inventory.paths.knownHosts,
      names.before,
      names.after,
    );
    await executeRename(context, rename);
    return { knownAs: isCopied ? names.after : null, next: `fleet init --limit ${input.new}` };
  },
  toJson: ({ accounts }, done, input) => ({
    before: input.old,
    after: input.new,
    accounts,
    next: done?.next,
  }),
});
