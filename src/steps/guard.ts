import { declareFiles, type ManagedFile, type Step, shellWords } from './step.ts';

/**
 * Run over a fresh connection as root, it confirms the change that waits for it: one rename, which
 * fails when the host has taken the change
 * back already (templates/host-program/guard.sh).
 */
export const confirmCommand =
  'mv -T /var/lib/fleet/init/guard/armed /var/lib/fleet/init/guard/confirmed';

/** Files of one step, with the unit that reads them. */
export interface FileGroup {
  readonly id: string;
  readonly title: string;
  readonly restart: string | null;
  readonly files: readonly ManagedFile[];
}

/**
 * Where a wrong word can cut the way in: logins, rights, firewalls, addresses, settings of the
 * network.
 */
const places = [
  '/etc/ssh/',
  '/etc/sudoers',
  '/etc/sudo.conf',
  '/etc/pam.d/',
  '/etc/security/',
  '/etc/nsswitch.conf',
  '/etc/hosts.',
  '/etc/passwd',
  '/etc/shadow',
  '/etc/group',
  '/etc/ufw/',
  '/etc/default/ufw',
  '/etc/nftables',
  '/etc/iptables/',
  '/etc/firewalld/',
  '/etc/netplan/',
  '/etc/network/',
  '/etc/systemd/network/',
  '/etc/sysctl',
];
const units =
  /^(ssh|sshd|ufw|nftables|firewalld|netfilter-persistent|iptables|networking|NetworkManager|systemd-(networkd|sysctl|resolved|logind))\.(service|socket)$/;

const canCut = (path: string): boolean =>
  places.some((place) => path.startsWith(place)) || path.includes('/.ssh/');

/** Whether a unit that starts, restarts or reads its settings can cut the connection. */
export const isGuardedUnit = (unit: string): boolean => units.test(unit);

/** Whether the files of a group, or the unit that reads them, can cut the connection. */
export const isGuarded = ({ restart, files }: FileGroup): boolean =>
  (restart !== null && isGuardedUnit(restart)) || files.some(({ path }) => canCut(path));

/**
 * Files that can cut the way in, put in place and read by their unit in one go. The host takes all
 * of it back unless a fresh connection confirms
 * within 45 s (event `confirm`), also after a reboot. A unit of `services` is started, another one
 * only restarted where it runs.
 */
export function guardedFilesStep(
  { id, title, restart, files }: FileGroup,
  services: readonly string[],
): Step {
  const paths = shellWords(files.map(({ path }) => path));
  const unit = shellWords([restart ?? '']);
  const how = restart !== null && services.includes(restart) ? 'run' : 'try';
  return {
    id,
    title,
    after: ['packages'],
    looksAt: { paths: files.map(({ path }) => path), units: restart === null ? [] : [restart] },
    declare: declareFiles(files),
    check: `want_guarded ${unit} ${paths}`,
    apply: `put_guarded ${unit} ${how} ${paths}`,
  };
}
