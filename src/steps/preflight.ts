import { hostPaths } from '../../hostside/protocol/paths.ts';
import { quoteShell } from '../remote/shared/shell-command.ts';
import type { Step } from './step.ts';

/**
 * Bytes that must be free below /opt and /var before anything is installed; a host that has
 * everything needs far less.
 */
const SPACE_FIRST_MB = 500;
const SPACE_AGAIN_MB = 64;

interface System {
  readonly name: string;
  /** As in /etc/os-release. */
  readonly id: string;
  readonly versions: readonly string[];
}

const systems: readonly System[] = [
  { name: 'Ubuntu', id: 'ubuntu', versions: ['22.04', '24.04', '26.04'] },
  { name: 'Debian', id: 'debian', versions: ['12', '13'] },
];

/** For people: `Ubuntu 22.04, 24.04, 26.04; Debian 12, 13`. */
export const SUPPORTED_SYSTEMS = systems
  .map(({ name, versions }) => `${name} ${versions.join(', ')}`)
  .join('; ');

const supportedPattern = systems
  .flatMap(({ id, versions }) => versions.map((version) => `${id}:${version}`))
  .join(' | ');

/** Refuses what fleet cannot work on: codes `host-unsupported`, `sudo`. Changes nothing. */
export function hostSupportStep(allowUnsupportedOs: boolean): Step {
  const unsupported = allowUnsupportedOs
    ? 'warn "$SYSTEM is not a supported system; going on as asked"'
    : `fail host-unsupported "$SYSTEM is not supported" 'supported are ${SUPPORTED_SYSTEMS}; ` +
      `allow_unsupported_os: true in the inventory goes on anyway'`;
  return {
    id: 'host-support',
    title: 'supported system, root rights',
    looksAt: {},
    check: `
  (( EUID == 0 )) || { fail sudo 'the program does not run as root' 'let the login user use sudo, or log in as root'; return; }
  [[ -d /run/systemd/system ]] || { fail host-unsupported 'systemd is not running' 'fleet needs systemd'; return; }
  [[ $ARCH = x64 || $ARCH = arm64 ]] || { fail host-unsupported "the processor architecture $ARCH is not supported" 'x86-64 and arm64 hosts are supported'; return; }
  local SYSTEM="\${OS[PRETTY_NAME]-an unknown system}"
  case "\${OS[ID]-}:\${OS[VERSION_ID]-}" in ${supportedPattern}) ;; *) ${unsupported};; esac`,
    apply: '',
  };
}

/**
 * Refuses a host that obeys another ledger than the caller's until a take-over. Code
 * `host-foreign`.
 */
export function ledgerStep(): Step {
  return {
    id: 'ledger',
    title: 'no other ledger is obeyed',
    looksAt: { paths: [hostPaths.current] },
    check: 'want_own_ledger',
    apply: '',
  };
}

/** Under which names a host may know itself. */
export interface HostNames {
  readonly fleet: string;
  readonly name: string;
  /** The name that `init` last told it, where it was renamed since. */
  readonly former: string | null;
}

/** Refuses a machine that is a host of this fleet under another name. Code `host-foreign`. */
export function identityStep({ fleet, name, former }: HostNames): Step {
  const names = [fleet, name, ...(former === null ? [] : [former])].map(quoteShell).join(' ');
  return {
    id: 'identity',
    title: 'no other host of this fleet',
    looksAt: {},
    check: `want_own_name ${names}`,
    apply: '',
  };
}

/**
 * At least 500 MB free on /opt and /var for a first run, 64 MB later, and all of fleet's places
 * writable. Code `host-space`.
 */
export function spaceStep(): Step {
  return {
    id: 'space',
    title: 'free space',
    looksAt: {},
    check: `
  local need=${SPACE_FIRST_MB} place free inodes size; [[ $RELEASE_NOW ]] && need=${SPACE_AGAIN_MB}
  for place in /etc /opt /var; do
    [[ -w $place ]] || { fail host-space "$place is mounted read-only" "mount it writable, for good in /etc/fstab too (mount -o remount,rw $place), then run fleet init again"; return; }
  done
  for place in /opt /var; do
    read -r free size inodes < <(stat -f -c '%a %S %d' $place)
    (( free * size / 1048576 >= need )) || { fail host-space "only $(( free * size / 1048576 )) MB are free on $place, $need MB are needed" 'free some space or enlarge the disk, then run fleet init again'; return; }
    (( inodes == 0 || inodes > 2000 )) || { fail host-space "only $inodes inodes are free on $place" 'remove small files, then run fleet init again'; return; }
  done`,
    apply: '',
  };
}

/**
 * Refuses a host where something else lies in fleet's places, unless the host's own record says
 * that it is fleet's. Code `host-foreign`.
 */
export function foreignStep(): Step {
  return {
    id: 'foreign',
    title: 'nothing foreign in fleet’s places',
    looksAt: {},
    check: 'want_nothing_foreign',
    apply: '',
  };
}

/** What the accounts of a host are to have, all together. */
export interface MemoryWish {
  readonly accounts: number;
  /** Bytes that each of them reserves. */
  readonly reserveBytes: number;
}

/** MB for the system, the agent and an upgrade of packages. */
const SYSTEM_MB = 400;
/** MB below which a package's installation may be ended by the kernel. */
const SCARCE_MB = 150;

/**
 * Warns where the host has less memory than its accounts would take, where little is free right
 * now, and of a system that may forbid what it does.
 */
export function memoryStep({ accounts, reserveBytes }: MemoryWish): Step {
  const eachMb = Math.ceil(reserveBytes / 1e6);
  return {
    id: 'memory',
    title: `memory for ${accounts} accounts`,
    looksAt: {},
    check: `
  local swap="and $SWAP_MB MB of swap" fits=$(( (MEMORY_MB - ${SYSTEM_MB}) / ${Math.max(1, eachMb)} )); (( SWAP_MB )) || swap='and no swap'
  (( fits < 0 )) && fits=0
  (( fits < ${accounts} )) && warn "$MEMORY_MB MB of memory $swap hold about $fits accounts of ${eachMb} MB, max_accounts is ${accounts}"
  (( MEMORY_FREE_MB < ${SCARCE_MB} )) && warn "only $MEMORY_FREE_MB MB of memory are free $swap: installing packages may fail"
  read_text "$SELINUX"; [[ $TEXT = 1* ]] && warn 'SELinux is enforcing: when the agent or an account does not start, see ausearch -m avc -ts recent on the host'
  return 0`,
    apply: '',
  };
}
