import { dirname, join } from 'node:path';
import { hostPaths } from '../protocol/paths.ts';

/**
 * {@link hostPaths} and what only the host's side needs, all below a root directory (`/` on a host,
 * a scratch directory in tests).
 */
export interface Places {
  readonly root: string;
  readonly current: string;
  readonly hostConfig: string;
  readonly claims: string;
  readonly locks: string;
  readonly accounts: string;
  readonly behaviour: string;
  readonly authority: string;
  readonly contact: string;
  readonly announcement: string;
  /** {@link MachineRecord}. */
  readonly machine: string;
  readonly bootVerdict: string;
  /** The agent's own folder: {@link beat}. */
  readonly heartbeat: string;
  /** Written at boot by the hold oneshot, which may read what the gate may not (DMI). */
  readonly bootInstanceId: string;
  /** What tells this boot from others: {@link bootIdentity}. */
  readonly bootIdentity: string;
  readonly agentSocket: string;
  readonly accountRuntime: string;
  readonly accountState: string;
  /** Units and their drop-ins. */
  readonly units: string;
  /** Exists while a drop-in was changed and systemd has not been told. */
  readonly reloadNeeded: string;
  /** `KEYID`: why bin/fleet-quota has ended the account; fleet-run refuses while it is there. */
  readonly overQuota: string;
  /**
   * `KEYID`: users under which the account ran in this boot, one a line, written by its unit as
   * root. Root's alone.
   */
  readonly usersOfBoot: string;
}

export const placesBelow = (root: string): Places => {
  const at = (path: string): string => join(root, path);
  return {
    root,
    current: at(hostPaths.current),
    hostConfig: at(hostPaths.hostConfig),
    claims: at(hostPaths.claims),
    locks: at(hostPaths.locks),
    accounts: at(hostPaths.accounts),
    behaviour: at(hostPaths.behaviour),
    authority: at(hostPaths.authority),
    contact: at(hostPaths.contact),
    announcement: at(hostPaths.announcement),
    machine: at(hostPaths.machine),
    bootVerdict: at(hostPaths.bootVerdict),
    heartbeat: at('/var/lib/fleet-agent/heartbeat.json'),
    bootInstanceId: at('/run/fleet-boot/instance-id'),
    bootIdentity: at('/run/fleet-boot/identity.json'),
    agentSocket: at(hostPaths.agentSocket),
    accountRuntime: at(hostPaths.accountRuntime),
    accountState: at(hostPaths.accountState),
    units: at('/etc/systemd/system'),
    reloadNeeded: at('/run/fleet-boot/reload-needed'),
    overQuota: at('/run/fleet-boot/full'),
    usersOfBoot: at('/run/fleet-users'),
  };
};

export const claimPath = (places: Places, keyId: string): string =>
  join(places.claims, `${keyId}.claim`);
/** What the claim became in this boot; in memory, so that no backup and no disk has it. */
export const bootMarkPath = (places: Places, keyId: string): string =>
  join(dirname(places.bootVerdict), 'claims', keyId);
/** Held by a running worker. */
export const runLockPath = (places: Places, keyId: string): string =>
  join(places.locks, `${keyId}.lock`);
/**
 * Exists when users were recorded from the beginning of this boot: who is not there has not run.
 */
export const usersCompletePath = (places: Places): string => join(places.usersOfBoot, 'complete');
export const usersPath = (places: Places, keyId: string): string => join(places.usersOfBoot, keyId);
/** Held by the helper during an act. */
export const actLockPath = (places: Places, keyId: string): string =>
  join(places.locks, `${keyId}.act`);
export const authorityLockPath = (places: Places): string => join(places.locks, 'authority.act');
/** Held while the contact is written. */
export const contactLockPath = (places: Places): string => join(places.locks, 'contact.act');
export const accountPath = (places: Places, keyId: string): string => join(places.accounts, keyId);
export const behaviourPath = (places: Places, keyId: string): string =>
  join(places.behaviour, `${keyId}.json`);
export const epochPath = (places: Places, keyId: string, epoch: number): string =>
  join(places.accounts, keyId, 'epochs', String(epoch));
