import { FleetError } from '../model/errors.ts';
import type { HostSpec } from '../model/inventory.ts';
import type { HostName } from '../model/names.ts';
import type { Remote } from './remote.ts';

/** What became of one host. A host that fails is a value: the others go on. */
export type HostOutcome<T> =
  | { readonly host: HostName; readonly ok: true; readonly value: T }
  | { readonly host: HostName; readonly ok: false; readonly error: FleetError };

/**
 * Runs `act` for every host, at most `concurrency` (1 or more) at a time, started in the order given. Never rejects: outcomes come in
 * the order of `hosts`, one each. After `signal` nothing new is started and the rest is `interrupted`; what runs is awaited.
 */
export async function forEachHost<H extends { readonly name: HostName }, T>(
  hosts: readonly H[],
  concurrency: number,
  act: (host: H) => Promise<T>,
  signal?: AbortSignal,
): Promise<HostOutcome<T>[]> {
  const { default: pLimit } = await import('p-limit');
  const limit = pLimit(Math.max(1, Math.floor(concurrency)));
  const one = async (host: H): Promise<HostOutcome<T>> => {
    if (signal?.aborted === true) return { host: host.name, ok: false, error: notStarted(host.name) };
    try {
      return { host: host.name, ok: true, value: await act(host) };
    } catch (cause) {
      return { host: host.name, ok: false, error: asFleetError(host.name, cause) };
    }
  };
  return Promise.all(hosts.map((host) => limit(() => one(host))));
}

const notStarted = (host: HostName): FleetError =>
  new FleetError('interrupted', `${host}: interrupted before it was its turn`, { hint: 'run the command again', host });

function asFleetError(host: HostName, cause: unknown): FleetError {
  if (cause instanceof FleetError) return cause;
  return new FleetError('bug', `${host}: an unexpected error`, { hint: 'please report this with --verbose', host, cause });
}

/** The connections of one run: one per host, made when first asked for. */
export interface RemotePool {
  remote(spec: HostSpec): Remote;
  forEach<T>(hosts: readonly HostSpec[], act: (remote: Remote, spec: HostSpec) => Promise<T>): Promise<HostOutcome<T>[]>;
  /** Ends all connections. Safe to repeat. */
  close(): Promise<void>;
}

/** `makeRemote` is `createSshRemote` with a context, or a fake. `concurrency` hosts are worked on at the same time. */
export function createRemotePool(makeRemote: (spec: HostSpec) => Remote, concurrency: number, signal?: AbortSignal): RemotePool {
  const remotes = new Map<HostName, Remote>();
  const remote = (spec: HostSpec): Remote => {
    const known = remotes.get(spec.name);
    if (known !== undefined) return known;
    const made = makeRemote(spec);
    remotes.set(spec.name, made);
    return made;
  };
  return {
    remote,
    forEach: (hosts, act) => forEachHost(hosts, concurrency, (spec) => act(remote(spec), spec), signal),
    async close() {
      await Promise.all([...remotes.values()].map((one) => one.close()));
    },
  };
}
