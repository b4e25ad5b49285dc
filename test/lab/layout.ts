import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * The lab's own end of the bridge: the hosts' gateway, and where a test's own servers are reached.
 */
export const labGateway = '10.77.0.1';
/** Where hosts find the apt proxy, on the gateway. */
export const aptProxyPort = 3142;
/** Telegram's address ranges, which every lab routes to itself. */
export const telegramRanges = ['149.154.160.0/20', '91.108.0.0/16'] as const;
/** Addresses are 10.77.0.11 and up. */
export const maxHosts = 200;
/** systemd and its services hold about seven inotify instances a host (measured on Debian 12). */
export const inotifyInstancesPerHost = 7;

/** IPv4 address of host 1, 2, ... */
export function hostAddress(index: number): string {
  return `10.77.0.${10 + index}`;
}

/** Hardware address of a host: the same after every boot and wipe. */
export function hostHardwareAddress(index: number): string {
  return `02:fb:00:00:00:${index.toString(16).padStart(2, '0')}`;
}

/** Kept between runs: golden trees, downloaded packages. `FLEET_LAB_CACHE` overrides. */
export function cacheDirectory(): string {
  return (
    process.env.FLEET_LAB_CACHE ??
    join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'fleet-lab')
  );
}

/**
 * All labs of this machine, one folder each. Short, because a socket's path may have 107 bytes
 * only.
 */
export const labsDirectory = '/tmp/fleet-labs';

/** Files of one lab; the folder and all in it are gone after the lab. */
export function labFiles(name: string) {
  const directory = join(labsDirectory, name);
  return {
    directory,
    /**
     * Identity of the keeper process (see processIdentity): who else finds the folder knows from it
     * whether the lab lives.
     */
    owner: join(directory, 'owner'),
    controlSocket: join(directory, 'control.sock'),
    aptSocket: join(directory, 'apt.sock'),
    /** Pid, in the machine's own numbering, of a process inside the lab's namespaces. */
    insidePid: join(directory, 'inside.pid'),
    key: join(directory, 'id_ed25519'),
    knownHosts: join(directory, 'known_hosts'),
    log: join(directory, 'lab.log'),
    console: (host: string) => join(directory, `${host}.console`),
    disk: (host: string) => join(directory, 'hosts', host),
  };
}

export type LabFiles = ReturnType<typeof labFiles>;

/** First 12 hex digits of SHA-256. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
