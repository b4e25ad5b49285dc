import { FleetError } from '../../model/errors.ts';
import type { HostSpec, Inventory } from '../../model/inventory.ts';
import type { SshContext } from '../../remote/config/ssh-context.ts';
import { forEachHost } from '../../remote/for-each-host.ts';
import {
  appendKnownHost,
  type PresentedHostKey,
  readHostKey,
  removeKnownHost,
} from '../../remote/ssh/trust-host.ts';
import type { FleetContext } from '../context.ts';

export interface HostKeyOffer extends PresentedHostKey {
  readonly host: string;
  /** Known hosts or the inventory vouch for it already. */
  readonly isKnown: boolean;
  /**
   * Lines of known_hosts files that vouch for another key under this name, `FILE:LINE` with type
   * and fingerprint; empty where none does.
   */
  readonly replaces: readonly string[];
}

/**
 * Looks at the keys that the hosts present, without logging in. A host that does not answer, or
 * whose key is not the one that is known, is an error beside
 * the others: a changed key is an alarm that a yes must not silence.
 */
export async function readHostKeys(
  context: Pick<FleetContext, 'inventory' | 'signal'>,
  ssh: SshContext,
  hosts: readonly HostSpec[],
  { replace = false } = {},
): Promise<{ keys: HostKeyOffer[]; errors: FleetError[] }> {
  const outcomes = await forEachHost(
    hosts,
    context.inventory.concurrency,
    (host) => readHostKey(host, ssh),
    context.signal,
  );
  const keys: HostKeyOffer[] = [];
  const errors: FleetError[] = [];
  for (const outcome of outcomes) {
    const host = outcome.host.name;
    if (!outcome.ok) errors.push(outcome.error);
    else {
      const { verdict } = outcome.value;
      if (verdict.kind === 'trusted' || verdict.kind === 'unknown')
        keys.push({ host, ...outcome.value, isKnown: verdict.kind === 'trusted', replaces: [] });
      else if (replace && verdict.kind === 'changed' && outcome.host.ssh.hostKeys.length === 0)
        keys.push({ host, ...outcome.value, isKnown: false, replaces: verdict.known });
      else errors.push(refuseKey(outcome.host, outcome.value));
    }
  }
  const { unique, doubled } = splitByKey(keys);
  const fresh = unique.filter(({ isKnown }) => !isKnown);
  const owners = fresh.length === 0 ? [] : await knownKeys(context.inventory, ssh);
  const taken = fresh.flatMap(({ host, line, fingerprint }) => {
    const key = line.split(' ').at(-1);
    const owner = owners.find((each) => each.host !== host && each.key === key);
    return owner === undefined ? [] : [sharedKey([host, owner.host], fingerprint)];
  });
  const refused = new Set(taken.map(({ host }) => host));
  return {
    keys: unique.filter(({ host }) => !refused.has(host)),
    errors: [...errors, ...doubled, ...taken],
  };
}

interface KnownKey {
  readonly host: string;
  /** Base64, as known_hosts files have it. */
  readonly key: string;
}

/** Every key that known_hosts files have of a host of the inventory. */
async function knownKeys({ hosts }: Inventory, ssh: SshContext): Promise<readonly KnownKey[]> {
  const known: KnownKey[] = [];
  for (const host of hosts) {
    try {
      const { lines } = await ssh.knownHostLines(await ssh.resolve(host));
      const plain = lines.filter(({ marker }) => marker === null);
      known.push(...plain.map(({ key }) => ({ host: host.name, key })));
    } catch (error) {
      // Its own contact says what is wrong there.
      if (!(error instanceof FleetError)) throw error;
    }
  }
  return known;
}

/** One key under two names: one machine, or a copy whose keys were not made anew. */
const sharedKey = (names: readonly string[], fingerprint: string): FleetError =>
  new FleetError('ssh-host-key', `${names.join(', ')} present the same host key ${fingerprint}`, {
    ...(names[0] === undefined ? {} : { host: names[0] }),
    hint:
      'one machine under two names: take one out of the inventory. A copy of the other: ' +
      'on the copy, rm /etc/machine-id /etc/ssh/ssh_host_*; systemd-machine-id-setup; ' +
      'ssh-keygen -A; reboot',
  });

/** Neither name of a key that two present is remembered. */
function splitByKey(keys: readonly HostKeyOffer[]): {
  unique: HostKeyOffer[];
  doubled: FleetError[];
} {
  const groups = [...Map.groupBy(keys, ({ fingerprint }) => fingerprint).values()];
  const doubled = groups.flatMap((same) => {
    const [first, ...more] = same;
    if (first === undefined || more.length === 0) return [];
    return [
      sharedKey(
        same.map(({ host }) => host),
        first.fingerprint,
      ),
    ];
  });
  return { unique: groups.flatMap((same) => (same.length === 1 ? same : [])), doubled };
}

function refuseKey(
  { name: host, ssh }: HostSpec,
  { fingerprint, verdict }: PresentedHostKey,
): FleetError {
  const isRevoked = verdict.kind === 'revoked';
  const what = isRevoked
    ? `presents a revoked key (${verdict.source})`
    : `presents another key than the one that is known: ${fingerprint}`;
  const wayOut =
    ssh.hostKeys.length > 0
      ? `put ${fingerprint} in the place of its host_keys in the inventory`
      : `fleet hosts trust ${host} --replace`;
  return new FleetError('ssh-host-key', `${host} ${what}`, {
    host,
    hint: isRevoked
      ? 'give the host a key that is not revoked'
      : 'somebody may be between you and the host. Compare with its console: ssh-keygen -lf ' +
        '/etc/ssh/ssh_host_ed25519_key.pub. Only if it was reinstalled or got new keys: ' +
        `${wayOut}`,
    problems: verdict.kind === 'changed' ? verdict.known : [],
  });
}

/**
 * Remembers keys in the inventory's known_hosts file; what they replace is taken out first,
 * wherever it stands. Safe to repeat. Gives lines that could not be
 * taken out (`FILE:LINE`): they are another's, or patterns.
 */
export async function trustHosts(
  inventory: Inventory,
  keys: readonly HostKeyOffer[],
): Promise<string[]> {
  const left: string[] = [];
  for (const { line, replaces, keyName, knownIn } of keys) {
    if (replaces.length > 0)
      for (const file of knownIn) left.push(...(await removeKnownHost(file, keyName)));
    await appendKnownHost(inventory.paths.knownHosts, line);
  }
  return left;
}
