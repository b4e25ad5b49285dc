import { hostPaths } from '../../../hostside/protocol/paths.ts';
import type { Remote } from '../../remote/remote.ts';
import type { HostLine } from './init-events.ts';

const LOOK_MS = 5_000;
const LOOK_BYTES = 64 * 1024;

/**
 * `true` when the agent answers, but only by a command, because sshd forwards no sockets; null when
 * it does not answer (which is not judged here).
 */
async function needsCommand(remote: Remote): Promise<boolean | null> {
  return remote.get(hostPaths.agentSocket, '/', { timeoutMs: LOOK_MS, maxBytes: LOOK_BYTES }).then(
    ({ byCommand }) => byCommand === true,
    () => null,
  );
}

/** What `init` says about such a host. */
export const socketNote =
  'ssh: sshd forwards no sockets (DisableForwarding, AllowStreamLocalForwarding or ' +
  '"restrict"): the agent is asked by a command, one round trip more each time';

export interface SocketWatch {
  /** What the program of `init` says, line by line. */
  saw(line: HostLine): void;
  /** `isNew`: the agent came up only now. */
  isByCommand(isNew: boolean): Promise<boolean>;
}

/**
 * Looks once, beside the program, so that it costs no time; never where an earlier run has said it
 * and nothing changes.
 */
export function watchSocket(remote: Remote, isEstablished: boolean): SocketWatch {
  let looking: Promise<boolean | null> | null = null;
  return {
    saw: (line) => {
      if (!isEstablished || (line.t === 'step' && line.state === 'changed'))
        looking ??= needsCommand(remote);
    },
    isByCommand: async (isNew) =>
      ((await looking) ?? (isNew && (await needsCommand(remote)))) === true,
  };
}
