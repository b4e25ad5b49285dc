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

/** And what a clone shares with its original, until somebody gives it a machine id of its own. */
export interface MachineParts extends InstanceParts {
  readonly machineId: string;
}

/**
 * Stable over reboots of one machine and different on most clones. The cloud's id and the DMI uuid
 * suffice on a virtual or real
 * machine, so that an added network card does not change it; containers share the DMI uuid with
 * their neighbours, so there the
 * hardware addresses count. With this id a host is known from the beginning; later it is known
 * again by its parts (know-machine.ts).
 */
export const instanceIdFrom = (parts: InstanceParts): string => {
  const dmi = usableUuid(parts.dmiUuid);
  const macs = parts.isContainer || dmi === '' ? [...parts.macs].sort().join(',') : '';
  return createHash('sha256')
    .update(['fleet instance v1', parts.cloudId, dmi, macs].join('\0'))
    .digest('hex')
    .slice(0, 32);
};

/**
 * In lower case; '' for none. Vendors that set no uuid ship one digit repeated, or a well-known
 * example.
 */
export const usableUuid = (uuid: string): string =>
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(uuid) &&
  !/^(.)\1*$/.test(uuid.replaceAll('-', '')) &&
  !uuid.startsWith('03000200-0400')
    ? uuid.toLowerCase()
    : '';

/** Reads the parts; needs root for the DMI uuid. `root` is `/` on a host. */
export const readMachineParts = (root: string): MachineParts => ({
  cloudId: firstLine(join(root, 'var/lib/cloud/data/instance-id')),
  dmiUuid: firstLine(join(root, 'sys/class/dmi/id/product_uuid')),
  macs: readMacs(join(root, 'sys/class/net')),
  isContainer: existsSync(join(root, 'run/systemd/container')),
  machineId: firstLine(join(root, 'etc/machine-id')),
});

const firstLine = (path: string): string => {
  const file = readSmallFile(path, 8192);
  return file !== null && 'text' in file ? (file.text.split('\n')[0] ?? '').trim() : '';
};

/** A host of many containers has a device for each of them. */
const cardsLimit = 4096;

/**
 * Bridges, tunnels and the like come and go; a random address (assign type 1) changes at every
 * boot.
 */
const readMacs = (directory: string): readonly string[] =>
  namesIn(directory)
    .slice(0, cardsLimit)
    .filter((name) => /^(?:eth|en|host|mv-|wl|ib|venet)/.test(name))
    .filter((name) => firstLine(join(directory, name, 'addr_assign_type')) !== '1')
    .map((name) => firstLine(join(directory, name, 'address')))
    .filter((address) => /^[0-9a-f:]{17}$/i.test(address) && address !== '00:00:00:00:00:00');
