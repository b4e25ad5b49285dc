import type { HostSpec } from '../model/inventory.ts';
import type { SshContext } from '../remote/config/ssh-context.ts';
import type { Remote } from '../remote/remote.ts';
import type { Remotes } from './open-remotes.ts';

/**
 * {@link Remotes} whose code is loaded by the first use: `fleet status` reads the ledger and needs
 * no SSH.
 */
export interface LazyRemotes {
  readonly ssh: () => Promise<SshContext>;
  readonly remoteFor: (host: HostSpec) => Remote;
  readonly freshRemoteFor: (host: HostSpec) => Remote;
  readonly remoteThrough: (host: HostSpec, neighbour: HostSpec) => Remote;
  readonly close: () => Promise<void>;
}

export function lazyRemotes(load: () => Promise<Remotes>): LazyRemotes {
  let loaded: Promise<Remotes> | undefined;
  const remotes = (): Promise<Remotes> => {
    loaded ??= load();
    return loaded;
  };
  return {
    ssh: async () => (await remotes()).ssh,
    remoteFor: (host) => lazyRemote(host, async () => (await remotes()).remoteFor(host)),
    freshRemoteFor: (host) => lazyRemote(host, async () => (await remotes()).freshRemoteFor(host)),
    remoteThrough: (host, neighbour) =>
      lazyRemote(host, async () => (await remotes()).remoteThrough(host, neighbour)),
    close: async () => {
      if (loaded !== undefined) await (await loaded).close();
    },
  };
}

function lazyRemote(host: HostSpec, make: () => Promise<Remote>): Remote {
  let made: Promise<Remote> | undefined;
  const remote = (): Promise<Remote> => {
    made ??= make();
    return made;
  };
  return {
    host: host.name,
    connect: async () => (await remote()).connect(),
    run: async (command) => (await remote()).run(command),
    upload: async (path, content, options) => (await remote()).upload(path, content, options),
    download: async (path, options) => (await remote()).download(path, options),
    get: async (socketPath, urlPath, options) => (await remote()).get(socketPath, urlPath, options),
    close: async () => {
      if (made !== undefined) await (await made).close();
    },
  };
}
