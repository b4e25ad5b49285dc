import { hostPaths } from '../../agent/protocol/paths.ts';
import type { Remote } from '../remote/remote.ts';

const LOOK_MS = 5_000;
const LOOK_BYTES = 64 * 1024;

/** `true` when the agent answers, but only by a command, because sshd forwards no sockets; null when it does not answer (which is not judged here). */
export async function needsCommand(remote: Remote): Promise<boolean | null> {
  return remote.get(hostPaths.agentSocket, '/', { timeoutMs: LOOK_MS, maxBytes: LOOK_BYTES }).then(
    ({ byCommand }) => byCommand === true,
    () => null,
  );
}

/** What `init` says about such a host. */
export const socketNote =
  'ssh: sshd forwards no sockets (DisableForwarding, AllowStreamLocalForwarding or "restrict"): the agent is asked by a command, one round trip more each time';
