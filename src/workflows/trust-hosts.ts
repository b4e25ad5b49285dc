import { readFile } from 'node:fs/promises';
import type { FleetError } from '../model/errors.ts';
import type { HostSpec, Inventory } from '../model/inventory.ts';
import { forEachHost } from '../remote/for-each-host.ts';
import type { SshContext } from '../remote/ssh-context.ts';
import { appendKnownHost, type PresentedHostKey, readHostKey } from '../remote/trust-host.ts';
import type { FleetContext } from './context.ts';

export interface HostKeyOffer extends PresentedHostKey {
  readonly host: string;
  /** Remembered by fleet, or pinned in the inventory, already. */
  readonly isKnown: boolean;
}

/** Looks at the keys that the hosts present, without logging in. A host that does not answer is an error beside the others. */
export async function readHostKeys(
  context: Pick<FleetContext, 'inventory' | 'signal'>,
  ssh: SshContext,
  hosts: readonly HostSpec[],
): Promise<{ keys: HostKeyOffer[]; errors: FleetError[] }> {
  const remembered = await readFile(context.inventory.paths.knownHosts, 'utf8').catch(() => '');
  const lines = new Set(remembered.split('\n').map((line) => line.trim()));
  const outcomes = await forEachHost(hosts, context.inventory.concurrency, (host) => readHostKey(host, ssh), context.signal);
  const keys = outcomes.flatMap((outcome) => {
    if (!outcome.ok) return [];
    const { line, fingerprint } = outcome.value;
    return [{ host: outcome.host.name, ...outcome.value, isKnown: lines.has(line) || outcome.host.ssh.hostKeys.includes(fingerprint) }];
  });
  return { keys, errors: outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error])) };
}

/** Remembers keys in the inventory's known_hosts file. Safe to repeat. */
export async function trustHosts(inventory: Inventory, keys: readonly HostKeyOffer[]): Promise<void> {
  for (const { line } of keys) await appendKnownHost(inventory.paths.knownHosts, line);
}
