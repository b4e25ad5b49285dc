import { type Command, Option } from 'commander';
import { FleetError } from '../../model/errors.ts';
import { timeOf } from '../../verbs/time-option.ts';
import type { LogLevel, LogSubject } from '../../workflows/read-logs.ts';
import { withContext } from '../open-context.ts';
import { durationOption, linesOption } from '../option-values.ts';
import { setAction } from '../run-command.ts';
import { isOutputPlain, printOut, printRaw } from '../terminal.ts';

const rawFlag = ['--raw', 'escape sequences and other control characters of the host as they are, also on a terminal'] as const;

/** Commands that reach through to hosts: `exec`, `ssh`, `logs`. */
export function registerRemoteShell(program: Command): void {
  registerExec(program);
  registerSsh(program);
  registerLogs(program);
}

const parseTimeout = durationOption('--timeout', { min: 100, max: 24 * 3_600_000, words: 'from 0.1 s to 24 hours' }, '5m');

function registerExec(program: Command): void {
  const command = program
    .command('exec <pattern> <command...>')
    .description('run a command on hosts: fleet exec eu-* -- uptime')
    .option('--root', 'run it as root')
    .addOption(new Option('--timeout <duration>', 'end it after this time: 60, 60s, 10m').argParser(parseTimeout).default(60_000, '60s'))
    .option(...rawFlag);
  setAction<{ root?: boolean; raw?: boolean; timeout: number }>(command, async ({ options, args, signal }) => {
    const [pattern = '', ...words] = args;
    const { execOnHosts } = await import('../../workflows/exec-on-hosts.ts');
    const { selectHosts } = await import('../../inventory/select-hosts.ts');
    const { formatExec } = await import('../render/exec.ts');
    return withContext({ ...options, needsAllRights: options.root === true }, signal, async (context) => {
      const hosts = selectHosts(context.inventory, [pattern, ...options.limit]);
      const results = await execOnHosts(context, hosts, words.join(' '), { asRoot: options.root === true, timeoutMs: options.timeout });
      await context.progress.stop();
      const data = results.map(({ error, ...rest }) => ({ ...rest, error: error?.message ?? null }));
      return {
        data: { hosts: data },
        text: formatExec(results),
        isRaw: options.raw === true || isOutputPlain(),
        errors: results.flatMap(({ error }) => (error === null ? [] : [error])),
      };
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
    .command('logs [account]')
    .description("the worker's journal, from its host; with --host: of all accounts there")
    .option('--host <name>', 'all accounts of this host')
    .option('--level <level>', 'error, warn, info or debug: this and everything graver')
    .option('--since <time>', 'from this time on: 2h for two hours ago, or 2026-11-23T10:00Z')
    .option('-f, --follow', 'go on until Ctrl-C')
    .option('-n, --lines <count>', 'how many lines from the past', linesOption(0), 50)
    .option(...rawFlag);
  setAction<LogFlags>(command, async ({ options, args, signal }) => {
    const about = logSubject(args[0], options.host);
    const { lines } = options;
    const { readLogs } = await import('../../workflows/read-logs.ts');
    return withContext(options, signal, async (context) => {
      const collected: string[] = [];
      await context.progress.stop();
      const isRaw = options.raw === true || isOutputPlain();
      const show = (line: string): void => {
        if (options.json) collected.push(line);
        else if (isRaw) printRaw(line);
        else printOut(line);
      };
      const level = logLevel(options.level);
      const sinceMs = options.since === undefined ? null : await timeOf('--since', options.since, context.now());
      await readLogs(context, about, { lines, isFollowing: options.follow === true, level, sinceMs }, show);
      return { data: { lines: collected }, text: '', endsBySignal: options.follow === true };
    });
  });
}

interface LogFlags {
  readonly host?: string;
  readonly follow?: boolean;
  readonly raw?: boolean;
  readonly level?: string;
  readonly since?: string;
  readonly lines: number;
}

function logSubject(account: string | undefined, host: string | undefined): LogSubject {
  if (account !== undefined && host === undefined) return { account };
  if (account === undefined && host !== undefined) return { host };
  throw new FleetError('usage', 'name an account, or a host with --host', { hint: 'for example: fleet logs anna --level warn --since 2h' });
}

const logLevels: readonly LogLevel[] = ['error', 'warn', 'info', 'debug'];

function logLevel(text: string | undefined): LogLevel | null {
  if (text === undefined) return null;
  const level = logLevels.find((each) => each === text);
  if (level !== undefined) return level;
  throw new FleetError('usage', `--level ${text} is none of ${logLevels.join(', ')}`, { hint: 'for example --level warn' });
}
