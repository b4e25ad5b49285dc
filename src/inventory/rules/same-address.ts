import { isIPv4, isIPv6 } from 'node:net';
import type { HostSpec } from '../../model/inventory.ts';

/**
 * One spelling for each address: names in lower case without the last dot, IPv6 in its short form,
 * IPv4 inside IPv6 as IPv4. Pure.
 */
export function plainAddress(text: string): string {
  const name = text.toLowerCase().replace(/\.$/, '');
  if (!isIPv6(name) || name.includes('%')) return name;
  const short = new URL(`http://[${name}]`).hostname.slice(1, -1);
  const words = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short);
  if (words === null) return short;
  const bytes = words.slice(1).flatMap((word) => {
    const value = Number.parseInt(word, 16);
    return [value >> 8, value & 255];
  });
  return isIPv4(bytes.join('.')) ? bytes.join('.') : short;
}

/** What `ssh` would be told: the ssh config resolves the same words to the same machine. */
const destinationOf = ({ name, ssh }: Pick<HostSpec, 'name' | 'ssh'>): string =>
  `${plainAddress(ssh.address ?? name)} ${ssh.port ?? ''}`;

/**
 * Hosts that lead to the same address and port as one above them, with the name of that one. In the
 * order of `hosts`.
 */
export function sameAddresses<H extends Pick<HostSpec, 'name' | 'ssh'>>(
  hosts: readonly H[],
): readonly { readonly host: H; readonly first: H }[] {
  const seen = new Map<string, H>();
  return hosts.flatMap((host) => {
    const destination = destinationOf(host);
    const first = seen.get(destination);
    if (first !== undefined) return [{ host, first }];
    seen.set(destination, host);
    return [];
  });
}
