import { FleetError } from '../../model/errors.ts';
import type { LogSubject } from '../../workflows/checkup/read-logs.ts';
import { rawFlag } from '../hosts/exec.ts';
import { argument, flag, lines, option } from '../input.ts';
import { timeOf } from '../time-option.ts';
import { defineLook } from '../verb.ts';

function logSubject(account: string | undefined, host: string | undefined): LogSubject {
  if (account !== undefined && host === undefined) return { account };
  if (account === undefined && host !== undefined) return { host };
  throw new FleetError('usage', 'name an account, or a host with --host', {
    hint: 'for example: fleet logs anna --level warn --since 2h',
  });
}

/** `fleet logs`. */
export const logs = defineLook({
  name: 'logs',
  group: 'looks',
  summary: "the worker's journal, from its host; with --host: of all accounts there",
  input: {
    account: argument({ of: 'account', isOptional: true }),
    host: option({ of: 'host', shown: 'name', words: 'all accounts of this host' }),
    level: option({
      ...{ shown: 'level', choices: ['error', 'warn', 'info', 'debug'], example: 'warn' },
      words: 'this level and more severe ones',
    }),
    since: option({
      of: 'time',
      shown: 'time',
      words: 'from this time on: 2h for two hours ago, or 2026-11-23T10:00Z',
    }),
    follow: flag('go on until Ctrl-C', 'f'),
    lines: lines('how many lines from the past', { start: 50, min: 0 }),
    raw: rawFlag,
  },
  examples: [
    ['logs anna --follow', 'the last fifty lines, and what comes'],
    ['logs anna --level warn --since 2h', 'what went wrong in the last two hours'],
    ['logs --host h2', 'all accounts of a host'],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig'],
  check({ account, host }) {
    logSubject(account, host);
  },
  async look(context, input) {
    const { readLogs } = await import('../../workflows/checkup/read-logs.ts');
    const collected: string[] = [];
    await context.progress.stop();
    const level = input.level ?? null;
    const sinceMs =
      input.since === undefined ? null : await timeOf('--since', input.since, context.now());
    const { line } = context.desk;
    const show = (text: string): void =>
      line === null ? void collected.push(text) : line(text, input.raw);
    const about = logSubject(input.account, input.host);
    await readLogs(
      context,
      about,
      { lines: input.lines, isFollowing: input.follow, level, sinceMs },
      show,
    );
    return collected;
  },
  toJson: (collected) => ({ lines: collected }),
});
