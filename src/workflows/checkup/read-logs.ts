import { accountUnit } from '../../../hostside/protocol/paths.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import type { FleetContext } from '../context.ts';
import { findOwned } from '../ownership/account-acts.ts';

/**
 * A following look ends after this, so that a forgotten terminal does not hold a connection for
 * ever.
 */
const followMs = 24 * 3_600_000;

/** Characters of a line that are shown. */
const lineBytes = 16 * 1024;
/** The journal keeps lines of 48 KiB at most; each is told with its time and unit. */
const journalLineBytes = 64 * 1024;

/** One account, or all accounts of a host. */
export type LogSubject = { readonly account: string } | { readonly host: string };

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

export interface LogOptions {
  readonly lines: number;
  readonly isFollowing: boolean;
  /** This level and everything graver; null: all. */
  readonly level: LogLevel | null;
  /** ms since the epoch; null: as far back as `lines`. */
  readonly sinceMs: number | null;
}

const priorities: Readonly<Record<LogLevel, string>> = {
  error: 'err',
  warn: 'warning',
  info: 'info',
  debug: 'debug',
};

/** Pure. */
export const journalCommand = (
  unit: string,
  { lines, isFollowing, level, sinceMs }: LogOptions,
): string =>
  [
    `journalctl --unit '${unit}' --lines ${lines} --output short-iso --no-hostname --quiet`,
    ...(level === null ? [] : [`--priority ${priorities[level]}`]),
    ...(sinceMs === null ? [] : [`--since @${Math.floor(sinceMs / 1000)}`]),
    ...(isFollowing ? ['--follow'] : []),
  ].join(' ');

/** The same for bin/fleet-sudo. Pure. */
export const journalAct = (
  keyId: string | null,
  { lines, isFollowing, level, sinceMs }: LogOptions,
): readonly string[] => [
  ...['logs', keyId ?? 'all', String(lines), level === null ? 'all' : priorities[level]],
  ...[
    sinceMs === null ? 'all' : String(Math.floor(sinceMs / 1000)),
    isFollowing ? 'follow' : 'once',
  ],
];

async function subjectOf(
  context: FleetContext,
  about: LogSubject,
): Promise<{ readonly host: HostSpec; readonly keyId: string | null }> {
  if ('account' in about) {
    const { account, host } = await findOwned(context, about.account);
    return { host, keyId: account.key_id };
  }
  const host = context.inventory.hosts.find(({ name }) => name === about.host);
  if (host !== undefined) return { host, keyId: null };
  throw new FleetError('usage', `no such host: ${about.host}`, {
    hint: 'fleet hosts list shows the known ones',
  });
}

/**
 * The journal of the accounts' units on its host, line by line as it comes. With `isFollowing` it
 * ends by the context's signal.
 */
export async function readLogs(
  context: FleetContext,
  about: LogSubject,
  options: LogOptions,
  show: (line: string) => void,
): Promise<void> {
  const { host, keyId } = await subjectOf(context, about);
  const command = journalCommand(accountUnit(keyId ?? '*'), options);
  const { lines, isFollowing } = options;
  try {
    const result = await context.remoteFor(host).run({
      ...{
        command,
        asRoot: true,
        narrow: journalAct(keyId, options),
        stopsWithCaller: true,
        maxOutputBytes: lineBytes,
      },
      onLine: (line) =>
        show(
          line.length > lineBytes
            ? `${line.slice(0, lineBytes)} ... (line cut after ${lineBytes} characters)`
            : line,
        ),
      ...(isFollowing
        ? { timeoutMs: followMs }
        : { replyLimit: { bytes: (lines + 1) * journalLineBytes } }),
    });
    if (result.exitCode === 0) return;
    throw new FleetError(
      'command-failed',
      `${host.name}: journalctl ended with exit code ${result.exitCode}`,
      {
        host: host.name,
        ...('account' in about ? { account: about.account } : {}),
        hint: `try it by hand: fleet exec ${host.name} -- journalctl -n 5`,
      },
    );
  } catch (error) {
    const wasEnded = options.isFollowing && context.signal.aborted;
    if (!wasEnded) throw error;
  }
}
