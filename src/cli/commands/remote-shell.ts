import type { Command } from 'commander';
import { FleetError } from '../../model/errors.ts';
import { withContext } from '../open-context.ts';
import { setAction } from '../run-command.ts';

/** Commands that reach through to hosts: `exec`, `ssh`, `logs`. */
export function registerRemoteShell(program: Command): void {
  registerExec(program);
  registerSsh(program);
  registerLogs(program);
}

function registerExec(program: Command): void {
  const command = program
    .command('exec <pattern> <command...>')
    .description('run a command on hosts: fleet exec eu-* -- uptime')
    .option('--root', 'run it as root')
    .option('--timeout <seconds>', 'end it after this time', '60');
  setAction<{ root?: boolean; timeout: string }>(command, async ({ options, args, signal }) => {
    const [pattern = '', ...words] = args;
    const timeoutMs = Number(options.timeout) * 1000;
    if (!(timeoutMs > 0))
      throw new FleetError('usage', `--timeout ${options.timeout} is not a positive number`, {
        hint: 'give seconds, for example --timeout 300',
      });
    const { execOnHosts } = await import('../../workflows/exec-on-hosts.ts');
    const { selectHosts } = await import('../../inventory/select-hosts.ts');
    const { formatExec } = await import('../render/exec.ts');
    return withContext(options, signal, async (context) => {
      const hosts = selectHosts(context.inventory, [pattern, ...options.limit]);
      const results = await execOnHosts(context, hosts, words.join(' '), { asRoot: options.root === true, timeoutMs });
      await context.progress.stop();
      const data = results.map(({ error, ...rest }) => ({ ...rest, error: error?.message ?? null }));
      return { data: { hosts: data }, text: formatExec(results), errors: results.flatMap(({ error }) => (error === null ? [] : [error])) };
    });
  });
}

function registerSsh(program: Command): void {
  setAction(
    program.command('ssh <host>').description('a shell on the host, with the same user, port, key and host key check'),
    async ({ options, args, signal }) => {
      const { openShell, rememberPinnedKey } = await import('../../workflows/open-shell.ts');
      return withContext(options, signal, async (context) => {
        const host = context.inventory.hosts.find(({ name }) => name === args[0]);
        if (host === undefined)
          throw new FleetError('usage', `no such host: ${args[0]}`, { hint: 'fleet hosts list shows the known ones' });
        await context.progress.stop();
        const ssh = await context.ssh();
        await rememberPinnedKey(context.inventory, ssh, host);
        return { data: {}, text: '', exitCode: await openShell(await ssh.target(host)) };
      });
    },
  );
}

function registerLogs(program: Command): void {
  const command = program
    .command('logs <account>')
    .description("the worker's journal, from its host")
    .option('-f, --follow', 'go on until Ctrl-C')
    .option('-n, --lines <count>', 'how many lines from the past', '50');
  setAction<{ follow?: boolean; lines: string }>(command, async ({ options, args, signal }) => {
    const lines = Number(options.lines);
    if (!Number.isInteger(lines) || lines < 0)
      throw new FleetError('usage', `--lines ${options.lines} is not a number`, { hint: 'for example --lines 200' });
    const { readLogs } = await import('../../workflows/read-logs.ts');
    return withContext(options, signal, async (context) => {
      const collected: string[] = [];
      await context.progress.stop();
      const show = (line: string): void => {
        if (options.json) collected.push(line);
        else console.log(line);
      };
      await readLogs(context, args[0] ?? '', { lines, isFollowing: options.follow === true }, show);
      return { data: { lines: collected }, text: '' };
    });
  });
}
