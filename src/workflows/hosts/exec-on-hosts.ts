import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { forEachHost } from '../../remote/for-each-host.ts';
import type { FleetContext } from '../context.ts';

export interface ExecResult {
  readonly host: string;
  /** null: it did not run, or was ended by a signal; `error` says why. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly isTruncated: boolean;
  /** Bytes of each stream that were kept at most. */
  readonly keptBytes: number;
  readonly error: FleetError | null;
}

/** Output that is kept per host and stream, and of all hosts together, bytes. */
const hostOutputBytes = 4 * 1024 * 1024;
const allOutputBytes = 256 * 1024 * 1024;

/**
 * Runs one command on every host, concurrently, one connection each. Same order as `hosts`; nothing
 * is retried.
 */
export async function execOnHosts(
  context: FleetContext,
  hosts: readonly HostSpec[],
  command: string,
  options: { readonly asRoot: boolean; readonly timeoutMs: number },
): Promise<ExecResult[]> {
  const maxOutputBytes = Math.min(
    hostOutputBytes,
    Math.floor(allOutputBytes / (2 * Math.max(1, hosts.length))),
  );
  const run = (host: HostSpec) =>
    context.remoteFor(host).run({ command, maxOutputBytes, stopsWithCaller: true, ...options });
  const outcomes = await forEachHost(hosts, context.inventory.concurrency, run, context.signal);
  return outcomes.map((outcome): ExecResult => {
    const host = outcome.host.name;
    if (!outcome.ok)
      return {
        host,
        exitCode: null,
        stdout: '',
        stderr: '',
        isTruncated: false,
        keptBytes: 0,
        error: outcome.error,
      };
    const { exitCode, signal, stdout, stderr, truncated } = outcome.value;
    const decoder = new TextDecoder();
    const ending =
      exitCode === null ? `was ended by ${signal}` : `ended with exit code ${exitCode}`;
    const error =
      exitCode === 0
        ? null
        : new FleetError('command-failed', `${host}: the command ${ending}`, {
            host,
            hint: 'see its output above',
          });
    return {
      host,
      exitCode,
      stdout: decoder.decode(stdout),
      stderr: decoder.decode(stderr),
      isTruncated: truncated,
      keptBytes: maxOutputBytes,
      error,
    };
  });
}
