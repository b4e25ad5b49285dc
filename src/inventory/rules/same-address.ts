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

/** What `ssh` would be told; where the ssh config leads it is its own question. */
const destinationOf = ({ name, ssh }: Pick<HostSpec, 'name' | 'ssh'>): string =>
  `${plainAddress(ssh.address ?? name)} ${ssh.port ?? ''}`;

interface SecondName<T> {
  readonly one: T;
  /** The one above it that leads to the same place. */
  readonly first: T;
}

/** Those that lead to the same place as one above them, in their order. Pure. */
export function sameDestinations<T>(
  all: readonly T[],
  destination: (one: T) => string,
): readonly SecondName<T>[] {
  const seen = new Map<string, T>();
  return all.flatMap((one) => {
    const place = destination(one);
    const first = seen.get(place);
    if (first !== undefined) return [{ one, first }];
    seen.set(place, one);
    return [];
  });
}

/** Hosts whose address and port are also those of one above them. */
export const sameAddresses = <H extends Pick<HostSpec, 'name' | 'ssh'>>(
  hosts: readonly H[],
): readonly SecondName<H>[] => sameDestinations(hosts, destinationOf);
