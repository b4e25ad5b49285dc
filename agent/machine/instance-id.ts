import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { namesIn, readSmallFile } from './durable-file.ts';

/** What tells one machine from its clone. Each part may be missing. */
export interface InstanceParts {
  readonly cloudId: string;
  readonly dmiUuid: string;
  /** Hardware addresses; used in containers and where there is no usable DMI uuid. */
  readonly macs: readonly string[];
  readonly isContainer: boolean;
}

/**
 * Stable over reboots of one machine and different on a clone. The cloud's id and the DMI uuid suffice on a virtual or real
 * machine, so that an added network card does not change it; containers share the DMI uuid with their neighbours, so there the
 * hardware addresses count.
 */
export const instanceIdFrom = (parts: InstanceParts): string => {
  const dmi = isUsableUuid(parts.dmiUuid) ? parts.dmiUuid.toLowerCase() : '';
  const macs = parts.isContainer || dmi === '' ? [...parts.macs].sort().join(',') : '';
  return createHash('sha256').update(['fleet instance v1', parts.cloudId, dmi, macs].join('\0')).digest('hex').slice(0, 32);
};

/** Vendors that set no uuid ship one digit repeated, or a well-known example. */
const isUsableUuid = (uuid: string): boolean =>
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(uuid) &&
  !/^(.)\1*$/.test(uuid.replaceAll('-', '')) &&
  !uuid.startsWith('03000200-0400');

/** Reads the parts; needs root for the DMI uuid. `root` is `/` on a host. */
export const readInstanceParts = (root: string): InstanceParts => ({
  cloudId: firstLine(join(root, 'var/lib/cloud/data/instance-id')),
  dmiUuid: firstLine(join(root, 'sys/class/dmi/id/product_uuid')),
  macs: readMacs(join(root, 'sys/class/net')),
  isContainer: existsSync(join(root, 'run/systemd/container')),
});

const firstLine = (path: string): string => {
  const file = readSmallFile(path, 8192);
  return file !== null && 'text' in file ? (file.text.split('\n')[0] ?? '').trim() : '';
};

/** Bridges, tunnels and the like come and go; a random address (assign type 1) changes at every boot. */
const readMacs = (directory: string): readonly string[] =>
  namesIn(directory)
    .filter((name) => /^(?:eth|en|host|mv-|wl|ib|venet)/.test(name))
    .filter((name) => firstLine(join(directory, name, 'addr_assign_type')) !== '1')
    .map((name) => firstLine(join(directory, name, 'address')))
    .filter((address) => /^[0-9a-f:]{17}$/i.test(address) && address !== '00:00:00:00:00:00');
