import { FleetError } from '../model/errors.ts';
import type { HostSpec, Inventory } from '../model/inventory.ts';
import { forEachHost } from '../remote/for-each-host.ts';
import type { SshContext } from '../remote/ssh-context.ts';
import { appendKnownHost, type PresentedHostKey, readHostKey } from '../remote/trust-host.ts';
import type { FleetContext } from './context.ts';

export interface HostKeyOffer extends PresentedHostKey {
  readonly host: string;
  /** Known hosts or the inventory vouch for it already. */
  readonly isKnown: boolean;
}

/**
 * Looks at the keys that the hosts present, without logging in. A host that does not answer, or whose key is not the one that is known, is an error beside
 * the others: a changed key is an alarm that a yes must not silence.
 */
export async function readHostKeys(
  context: Pick<FleetContext, 'inventory' | 'signal'>,
  ssh: SshContext,
  hosts: readonly HostSpec[],
): Promise<{ keys: HostKeyOffer[]; errors: FleetError[] }> {
  const outcomes = await forEachHost(hosts, context.inventory.concurrency, (host) => readHostKey(host, ssh), context.signal);
  const keys: HostKeyOffer[] = [];
  const errors: FleetError[] = [];
  for (const outcome of outcomes) {
    const host = outcome.host.name;
    if (!outcome.ok) errors.push(outcome.error);
    else {
      const { verdict } = outcome.value;
      if (verdict.kind === 'trusted' || verdict.kind === 'unknown')
        keys.push({ host, ...outcome.value, isKnown: verdict.kind === 'trusted' });
      else errors.push(refuseKey(host, outcome.value));
    }
  }
  return { keys, errors };
}

function refuseKey(host: string, { fingerprint, verdict }: PresentedHostKey): FleetError {
  const isRevoked = verdict.kind === 'revoked';
  const what = isRevoked ? `presents a revoked key (${verdict.source})` : `presents another key than the one that is known: ${fingerprint}`;
  return new FleetError('ssh-host-key', `${host} ${what}`, {
    host,
    hint: 'somebody may be between you and the host. If it was really reinstalled, remove its old line from known_hosts or its old host_keys, then trust it again',
    problems: verdict.kind === 'changed' ? verdict.known : [],
  });
}

/** Remembers keys in the inventory's known_hosts file. Safe to repeat. */
export async function trustHosts(inventory: Inventory, keys: readonly HostKeyOffer[]): Promise<void> {
  for (const { line } of keys) await appendKnownHost(inventory.paths.knownHosts, line);
}
