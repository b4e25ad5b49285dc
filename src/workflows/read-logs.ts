import { accountUnit } from '../../agent/protocol/paths.ts';
import { FleetError } from '../model/errors.ts';
import { findOwned } from './account-acts.ts';
import type { FleetContext } from './context.ts';

/** A following look ends after this, so that a forgotten terminal does not hold a connection for ever. */
const followMs = 24 * 3_600_000;

/** The journal of an account's unit on its host, line by line as it comes. With `isFollowing` it ends by the context's signal. */
export async function readLogs(
  context: FleetContext,
  account: string,
  options: { readonly lines: number; readonly isFollowing: boolean },
  show: (line: string) => void,
): Promise<void> {
  const { account: row, host } = await findOwned(context, account);
  const follow = options.isFollowing ? ' --follow' : '';
  const command = `journalctl --unit ${accountUnit(row.key_id)} --lines ${options.lines} --output short-iso --no-hostname --quiet${follow}`;
  try {
    const result = await context
      .remoteFor(host)
      .run({ command, asRoot: true, onLine: show, ...(options.isFollowing ? { timeoutMs: followMs } : {}) });
    if (result.exitCode === 0) return;
    throw new FleetError('command-failed', `${host.name}: journalctl ended with exit code ${result.exitCode}`, {
      host: host.name,
      account,
      hint: `try it by hand: fleet exec ${host.name} -- journalctl -n 5`,
    });
  } catch (error) {
    const wasEnded = options.isFollowing && context.signal.aborted;
    if (!wasEnded) throw error;
  }
}
