import { FleetError } from '../../model/errors.ts';
import { argument, flag, option } from '../input.ts';
import { defineLook } from '../verb.ts';

/** What comes from a host as it is. */
export const rawFlag = flag('print control characters of the host unchanged, also on a terminal');

/** `fleet exec`. */
export const exec = defineLook({
  name: 'exec',
  group: 'hosts',
  summary: 'run a command on hosts: fleet exec eu-* -- uptime',
  input: {
    pattern: argument({ of: 'pattern' }),
    command: argument({ isMany: true }),
    root: flag('run it as root'),
    timeout: option({
      ...{
        of: 'duration',
        shown: 'duration',
        words: 'end it after this time: 60, 60s, 10m',
        start: 60_000,
        startWords: '60s',
      },
      ...{
        range: { min: 100, max: 24 * 3_600_000, words: 'from 0.1 s to 24 hours' },
        example: '5m',
      },
    }),
    raw: rawFlag,
  },
  examples: [
    ["exec 'eu-*' -- uptime", 'on all hosts whose name begins with eu-'],
    ['exec h2 --root -- systemctl --failed', 'as root, on one host'],
  ],
  files: ['inventory', 'knownHosts', 'sshConfig'],
  exits: { 3: 'the command failed on a host, or a host did not answer' },
  effects: 'hosts',
  needsAllRights: ({ root }) => root,
  async look(context, { pattern, command, root, timeout, limit }) {
    const [{ execOnHosts }, { selectHosts }] = await Promise.all([
      import('../../workflows/hosts/exec-on-hosts.ts'),
      import('../../inventory/select-hosts.ts'),
    ]);
    const hosts = selectHosts(context.inventory, [pattern, ...limit]);
    return execOnHosts(context, hosts, command.join(' '), { asRoot: root, timeoutMs: timeout });
  },
  toJson: (results) => ({
    hosts: results.map(({ error, ...rest }) => ({ ...rest, error: error?.message ?? null })),
  }),
  problems: (results) => results.flatMap(({ error }) => (error === null ? [] : [error])),
});

/** `fleet ssh`. */
export const ssh = defineLook({
  name: 'ssh',
  group: 'hosts',
  isLocal: true,
  summary: 'a shell on the host, with the same user, port, key and host key check',
  input: { host: argument({ of: 'host' }) },
  examples: [
    ['ssh h2', 'ends with the exit code of the shell'],
    ['exec h2 -- uptime', 'instead: one command'],
  ],
  files: ['inventory', 'knownHosts', 'sshConfig'],
  effects: 'hosts',
  async look(context, { host: wanted }) {
    const { openShell, rememberPinnedKey } = await import('../../workflows/hosts/open-shell.ts');
    const host = context.inventory.hosts.find(({ name }) => name === wanted);
    if (host === undefined)
      throw new FleetError('usage', `no such host: ${wanted}`, {
        hint: 'fleet hosts list shows the known ones',
      });
    await context.progress.stop();
    const sshContext = await context.ssh();
    await rememberPinnedKey(context.inventory, sshContext, host);
    return openShell(await sshContext.target(host));
  },
  toJson: () => ({}),
  exit: (code) => code,
});
