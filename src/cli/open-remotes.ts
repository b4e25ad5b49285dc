import type { HostSpec } from '../model/inventory.ts';
import type { Remote } from '../remote/remote.ts';
import { createRemotePool } from '../remote/remote-pool.ts';
import { createSshContext, type SshContext, type SshContextOptions } from '../remote/ssh-context.ts';
import { createSshRemote } from '../remote/ssh-remote.ts';
import { homeDirectory, localUser } from '../surroundings/operator.ts';

/** The connections of one command. */
export interface Remotes {
  readonly ssh: SshContext;
  /** The one connection to this host. */
  readonly remoteFor: (host: HostSpec) => Remote;
  /** A connection of its own, for proofs that a new one still works. The caller closes it. */
  readonly freshRemoteFor: (host: HostSpec) => Remote;
  readonly close: () => Promise<void>;
}

/** Connects nothing yet: each host is connected by its first use. */
export function openRemotes(
  options: Pick<SshContextOptions, 'knownHosts' | 'readSecret' | 'signal' | 'onWarning' | 'askPassphrase'>,
): Remotes {
  const ssh = createSshContext({
    homeDirectory: homeDirectory(),
    localUser: localUser() ?? 'nobody',
    agentSocket: process.env.SSH_AUTH_SOCK || null,
    ...options,
  });
  const pool = createRemotePool((host) => createSshRemote(host, ssh));
  return {
    ssh,
    remoteFor: (host) => pool.remote(host),
    freshRemoteFor: (host) => createSshRemote(host, ssh),
    close: () => pool.close(),
  };
}
