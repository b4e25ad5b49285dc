import type { Command } from 'commander';
import { FleetError } from '../../model/errors.ts';
import type { HostKeyOffer } from '../../workflows/trust-hosts.ts';
import { confirm } from '../confirm.ts';
import type { GlobalOptions } from '../global-options.ts';
import { withContext, withLock } from '../open-context.ts';
import { setAction } from '../run-command.ts';
import { printErr } from '../terminal.ts';

/** `fleet hosts trust`. */
export function registerTrust(hosts: Command): void {
  const command = hosts
    .command('trust [hosts...]')
    .description("show the hosts' keys and remember them; compare the fingerprints first")
    .option('--replace', 'these hosts were reinstalled or got new keys: forget what known_hosts has of them');
  setAction<{ replace?: boolean }>(command, async ({ options, args, signal }) => {
    const { trustHosts, readHostKeys } = await import('../../workflows/trust-hosts.ts');
    const { selectHosts } = await import('../../inventory/select-hosts.ts');
    const { formatHostKeys } = await import('../render/hosts.ts');
    const replace = options.replace === true;
    if (replace && args.length === 0)
      throw new FleetError('usage', '--replace needs the names of the hosts', { hint: 'for example: fleet hosts trust h2 --replace' });
    return withContext(options, signal, async (context) => {
      const chosen = selectHosts(context.inventory, [...args, ...options.limit]);
      const { keys, errors } = await readHostKeys(context, await context.ssh(), chosen, { replace });
      await context.progress.stop();
      if (keys.length > 0 && !options.json) printErr(formatHostKeys(keys));
      const fresh = keys.filter(({ isKnown }) => !isKnown);
      if (fresh.length > 0) await confirmKeys(fresh, options);
      const left = await trustHosts(context.inventory, fresh);
      const text =
        fresh.length === 0
          ? `${keys.length} known already, nothing to remember.`
          : `${fresh.length} remembered in ${context.inventory.paths.knownHosts}.`;
      const notes = left.map((place) => `The former key is still trusted by ${place}: take it out there.`);
      const data = keys.map(({ host, type, fingerprint, isKnown, replaces, unusedOptions }) => ({
        ...{ host, type, fingerprint, wasKnown: isKnown, replaced: replaces, unusedOptions },
      }));
      return { data: { hosts: data, stillTrusted: left }, text: [text, ...notes].join('\n'), errors };
    });
  });
}

async function confirmKeys(fresh: readonly HostKeyOffer[], options: GlobalOptions): Promise<void> {
  const changed = fresh.filter(({ replaces }) => replaces.length > 0);
  const what = fresh.length === 1 ? 'it' : `all ${fresh.length}`;
  if (changed.length === 0) return confirm(`Are these the fingerprints that you expect? Remember ${what}`, options);
  const names = changed.map(({ host }) => host).join(', ');
  await confirm(
    `Somebody between you and ${names} would look like this, too. Did you compare with the console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), and is it right? Remember ${what}, forget the former keys`,
    options,
  );
}

/** `fleet hosts rename`. */
export function registerRename(hosts: Command): void {
  const command = hosts
    .command('rename <old> <new>')
    .description('the host has a new name in the inventory: its accounts, pins and measurements follow');
  setAction(command, async ({ options, args, signal }) =>
    withLock('hosts rename', options, signal, async (context) => {
      const [before = '', after = ''] = args;
      const { planRename, executeRename } = await import('../../workflows/rename-host.ts');
      const { copyKnownHost } = await import('../../remote/trust-host.ts');
      const rename = await planRename(context, before, after);
      const { accounts, host } = rename;
      const with_ = accounts.length === 0 ? 'no accounts' : `${accounts.length} accounts (${accounts.join(', ')})`;
      await confirm(`Is ${after} the same machine as ${before}? ${with_} and all that the ledger knows of it get the new name`, options);
      const ssh = await context.ssh();
      const names = {
        before: (await ssh.target({ ...host, name: before as typeof host.name })).keyName,
        after: (await ssh.target(host)).keyName,
      };
      const isCopied = await copyKnownHost(context.inventory.paths.knownHosts, names.before, names.after);
      await executeRename(context, rename);
      const next = `fleet init --limit ${after}`;
      const text = [
        `${before} is ${after} from now on; nothing was changed on the host.`,
        ...(isCopied ? [`Its host key is known as ${names.after}, too.`] : []),
        `Next: ${next}, which tells the host its name.`,
      ].join('\n');
      return { data: { before, after, accounts, next }, text };
    }),
  );
}

/** `fleet hosts forget`. */
export function registerForget(hosts: Command): void {
  const command = hosts
    .command('forget <host>')
    .description('take a host that owns nothing out of the ledger; one that comes back is fenced all the same');
  setAction(command, async ({ options, args, signal }) =>
    withLock('hosts forget', options, signal, async (context, begin) => {
      const [name = ''] = args;
      const { planForget, askFarewell, executeForget } = await import('../../workflows/forget-host.ts');
      const farewell = await planForget(context, name);
      const why = {
        destroyed: 'it was declared destroyed',
        ask: 'it will be asked whether it owns anything',
        'never used': 'nothing was ever sent to it',
        'second name': 'its machine has another name in the inventory',
      };
      await confirm(`Forget ${name} (${why[farewell]})? Its measurements go; decisions and history stay`, options);
      if (farewell === 'ask') await askFarewell(context, await begin(), name);
      await executeForget(context, name, farewell);
      const isListed = context.inventory.hosts.some((host) => host.name === name);
      const text = `${name} is forgotten.${isListed ? ` Take it out of ${context.inventory.path}: as long as it is there, the next command knows it again.` : ''}`;
      return { data: { forgotten: name, because: farewell, isInInventory: isListed }, text };
    }),
  );
}
