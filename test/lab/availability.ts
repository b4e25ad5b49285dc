import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { inotifyInstancesPerHost } from './layout.ts';
import { countInotifyInstances } from './processes.ts';
import { labSources } from './tree/golden-tree.ts';

export type LabAvailability =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string };

/** Programs that a lab runs on this machine, with the Debian package that brings each. */
const tools: Readonly<Record<string, string>> = {
  'systemd-nspawn': 'systemd-container',
  debootstrap: 'debootstrap',
  nft: 'nftables',
  ip: 'iproute2',
  tc: 'iproute2',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  flock: 'util-linux',
  sysctl: 'procps',
};

function onPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Whether a lab can be started on this machine, and if not, why and what to do about it. Changes
 * nothing.
 */
export async function labAvailability(): Promise<LabAvailability> {
  if (process.platform !== 'linux')
    return { ok: false, reason: `the lab needs Linux, this is ${process.platform}` };
  if (process.getuid?.() !== 0)
    return {
      ok: false,
      reason: 'the lab needs root (it mounts file systems and makes networks): run with sudo',
    };
  const missing = Object.keys(tools).filter((program) => !onPath(program));
  if (missing.length > 0) {
    const wanted = [...new Set(missing.map((program) => tools[program]))].join(' ');
    return { ok: false, reason: `the lab needs ${missing.join(', ')}: apt-get install ${wanted}` };
  }
  if (
    !existsSync('/proc/filesystems') ||
    !readFileSync('/proc/filesystems', 'utf8').includes('overlay')
  ) {
    return { ok: false, reason: 'the lab needs the overlay file system: modprobe overlay' };
  }
  return labSources().then(
    () => ({ ok: true }),
    (error: Error) => ({ ok: false, reason: error.message }),
  );
}

const inotifyLimitFile = '/proc/sys/fs/inotify/max_user_instances';

/**
 * Inotify instances that the machine lacks for so many more hosts; 0 or less when there are enough.
 */
export function missingInotifyInstances(hosts: number): number {
  const limit = Number(readFileSync(inotifyLimitFile, 'utf8'));
  return countInotifyInstances() + hosts * inotifyInstancesPerHost + 4 - limit;
}

/** Path of the limit that {@link missingInotifyInstances} is about; machine-wide. */
export const inotifyLimit = inotifyLimitFile;
