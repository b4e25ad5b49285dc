/**
 * Where everything of fleet lies on a host. The operator's side and the host's side share this
 * table.
 */
export const hostPaths = {
  /** Directories of releases; `current` points to one of them. */
  releases: '/opt/fleet/releases',
  runtimes: '/opt/fleet/runtimes',
  current: '/opt/fleet/current',
  /** {@link HostConfig}, root 0644. */
  hostConfig: '/etc/fleet/host.json',
  /**
   * `allow ADDRESS` a line, root 0644: where accounts may connect to, read by bin/fleet-egress. No
   * line: everywhere.
   */
  egress: '/etc/fleet/egress',
  /**
   * Public keys of Telegram besides those that fleet brings, PEM, root 0644: read by logins. Most
   * hosts have none.
   */
  telegramKeys: '/etc/fleet/telegram-keys.pem',
  /** `KEYID.claim`, root 0644: readable by the gate. */
  claims: '/var/lib/fleet/claims',
  /**
   * `KEYID.lock`, root 0644: held by a running worker. `KEYID.act` is held by the helper during an
   * act.
   */
  locks: '/var/lib/fleet/locks',
  /** `KEYID/epochs/N/session`, `KEYID/config`, root 0600; `KEYID/current` -> `epochs/N`. */
  accounts: '/var/lib/fleet/accounts',
  /**
   * `KEYID.json`, {@link Behaviour}, root 0644: written by the helper, read by the worker while it
   * runs. No secret.
   */
  behaviour: '/var/lib/fleet/behaviour',
  /** {@link AuthorityRecord}, root 0600. */
  authority: '/var/lib/fleet/authority.json',
  /** Last authenticated contact of the authority, root 0644. */
  contact: '/var/lib/fleet/contact.json',
  /**
   * {@link AnnouncementRecord}, root 0644: the last reboot that the authority announced. Beside the
   * claims, and taken away with them.
   */
  announcement: '/var/lib/fleet/claims/announcement.json',
  /**
   * Parts of the machine that the claims were made on, root 0600. Beside the claims, and put back
   * with them.
   */
  machine: '/var/lib/fleet/claims/machine.json',
  /** {@link BootVerdict} of this boot, written once by the hold oneshot. */
  bootVerdict: '/run/fleet-boot/verdict.json',
  agentSocket: '/run/fleet/agent.sock',
  /** `KEYID/status.json`: {@link WorkerStatus}, the unit's RuntimeDirectory. */
  accountRuntime: '/run/fleet-accounts',
  /**
   * `KEYID/`: the unit's StateDirectory below /var/lib. `stopped.json` and `started.json` are the
   * gate's marks.
   */
  accountState: '/var/lib/fleet-accounts',
} as const;

/**
 * The dynamic user of one account's unit, in 30 of the 31 characters that a user's name may have.
 * Without it systemd takes the name of the template, and all
 * accounts of a host share one user.
 */
export const accountUser = (keyId: string): string => `fleet-${keyId.slice(0, 24)}`;
/** Name of the unit that runs the account with this key id. */
export const accountUnit = (keyId: string): string => `fleet-account@${keyId}.service`;
