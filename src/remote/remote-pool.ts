import type { HostSpec } from '../model/inventory.ts';
import type { HostName } from '../model/names.ts';
import type { Remote } from './remote.ts';

/** The connections of one run: one per host, made when first asked for. */
export interface RemotePool {
  remote(spec: HostSpec): Remote;
  /**
   * Ends all connections; who asks for a connection afterwards gets a closed one. Safe to repeat;
   * never rejects.
   */
  close(): Promise<void>;
}

/** `makeRemote` is `createSshRemote` with a context, or a fake. It is called once per host name. */
export function createRemotePool(makeRemote: (spec: HostSpec) => Remote): RemotePool {
  const remotes = new Map<HostName, Remote>();
  let isOver = false;
  return {
    remote(spec) {
      const known = remotes.get(spec.name);
      if (known !== undefined) return known;
      const made = makeRemote(spec);
      remotes.set(spec.name, made);
      if (isOver) void made.close();
      return made;
    },
    async close() {
      isOver = true;
      await Promise.allSettled([...remotes.values()].map((one) => one.close()));
    },
  };
}
