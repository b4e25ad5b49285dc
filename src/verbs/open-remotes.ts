import type { HostSpec } from '../model/inventory.ts';
import {
  createSshContext,
  type SshContext,
  type SshContextOptions,
} from '../remote/config/ssh-context.ts';
import type { SshTarget } from '../remote/config/ssh-target.ts';
import type { Remote } from '../remote/remote.ts';
import { createRemotePool } from '../remote/remote-pool.ts';
import { createSshRemote } from '../remote/ssh/ssh-remote.ts';
import { homeDirectory, localUser } from '../surroundings/operator.ts';

type SshSpec = Parameters<SshContext['target']>[0];

/** The connections of one command. */
export interface Remotes {
  readonly ssh: SshContext;
  /** The one connection to this host. */
  readonly remoteFor: (host: HostSpec) => Remote;
  /** A connection of its own, for proofs that a new one still works. The caller closes it. */
  readonly freshRemoteFor: (host: HostSpec) => Remote;
  /** A connection of its own by way of another host. The caller closes it. */
  readonly remoteThrough: (host: HostSpec, neighbour: HostSpec) => Remote;
  readonly close: () => Promise<void>;
}

/**
 * As the user who may do everything, where the everyday login user may not (`ssh.sudo: narrow`).
 * Pure.
 */
const withAllRights = (host: HostSpec): HostSpec => ({
  ...host,
  ssh: { ...host.ssh, sudo: 'full', user: host.ssh.initUser ?? host.ssh.user },
});

/** The way to a host through another one, which stands in for the way that its settings name. */
async function targetThrough(
  ssh: SshContext,
  spec: SshSpec,
  neighbour: SshSpec,
): Promise<SshTarget> {
  const [target, { jumps, ...jump }] = await Promise.all([ssh.target(spec), ssh.target(neighbour)]);
  return { ...target, jumps: [...jumps, { ...jump, jumps: [] }] };
}

/**
 * `needsAllRights`: the command does what an everyday login user may not. Connects nothing yet:
 * each host is connected by its first use.
 */
export function openRemotes(
  options: Pick<
    SshContextOptions,
    'knownHosts' | 'readSecret' | 'signal' | 'onWarning' | 'askPassphrase' | 'logins'
  >,
  needsAllRights = false,
): Remotes {
  const ssh = createSshContext({
    homeDirectory: homeDirectory(),
    localUser: localUser() ?? 'nobody',
    agentSocket: process.env.SSH_AUTH_SOCK || null,
    ...options,
  });
  const make = (host: HostSpec): Remote =>
    createSshRemote(needsAllRights ? withAllRights(host) : host, ssh);
  const pool = createRemotePool(make);
  return {
    ssh,
    remoteFor: (host) => pool.remote(host),
    freshRemoteFor: make,
    remoteThrough: (host, neighbour) =>
      createSshRemote(host, { ...ssh, target: (spec) => targetThrough(ssh, spec, neighbour) }),
    close: () => pool.close(),
  };
}
