import { FleetError } from '../model/errors.ts';
import type { HostName } from '../model/names.ts';
import { systemFailure } from '../surroundings/system-error.ts';

/** What became of one host. A host that fails is a value: the others go on. */
export type HostOutcome<H, T> =
  | { readonly host: H; readonly ok: true; readonly value: T }
  | { readonly host: H; readonly ok: false; readonly error: FleetError };

/**
 * Runs `act` for every host, at most `concurrency` (1 or more) at a time, started in the order
 * given. Never rejects: outcomes come in
 * the order of `hosts`, one each. After `signal` nothing new is started and the rest is
 * `interrupted`; what runs is awaited.
 */
export async function forEachHost<H extends { readonly name: HostName }, T>(
  hosts: readonly H[],
  concurrency: number,
  act: (host: H) => Promise<T>,
  signal?: AbortSignal,
): Promise<HostOutcome<H, T>[]> {
  const { default: pLimit } = await import('p-limit');
  const limit = pLimit(Math.max(1, Math.floor(concurrency)));
  const one = async (host: H): Promise<HostOutcome<H, T>> => {
    if (signal?.aborted === true) return { host, ok: false, error: notStarted(host.name) };
    try {
      return { host, ok: true, value: await act(host) };
    } catch (cause) {
      return { host, ok: false, error: asFleetError(host.name, cause) };
    }
  };
  return Promise.all(hosts.map((host) => limit(() => one(host))));
}

const notStarted = (host: HostName): FleetError =>
  new FleetError('interrupted', `${host}: interrupted before it was its turn`, {
    hint: 'run the command again',
    host,
  });

function asFleetError(host: HostName, cause: unknown): FleetError {
  if (cause instanceof FleetError) return cause;
  const system = systemFailure(cause);
  if (system !== null)
    return new FleetError(system.code, `${host}: ${system.message}`, {
      hint: system.hint,
      host,
      cause,
    });
  return new FleetError('bug', `${host}: an unexpected error`, {
    hint: 'please report this',
    host,
    cause,
  });
}
