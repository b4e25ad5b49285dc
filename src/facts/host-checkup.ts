import * as z from 'zod';
import type { HistoryHead } from '../../hostside/protocol/host.ts';
import { hostPaths } from '../../hostside/protocol/paths.ts';
import type { Finding } from '../model/finding.ts';
import { inOwnEnvironment, quoteShell } from '../remote/shared/shell-command.ts';

/** What a look at a host tells beyond its agent's sample. */
export interface HostCheckup {
  readonly failedUnits: readonly string[];
  /** TCP sockets that others can reach, `address:port program`, without sshd's. */
  readonly openPorts: readonly string[];
  /** Whether one of Telegram's addresses takes a TCP connection. */
  readonly reachesTelegram: boolean;
  readonly needsReboot: boolean;
  /** Share of inodes in use on the root file system, 0-1; null where it has none to count. */
  readonly inodesUsedRatio: number | null;
  /**
   * Whether something keeps accounts away from metadata services: the kernel, which enforces
   * IPAddressDeny of units, or the packet filter.
   */
  readonly deniesMetadata: boolean;
  /** Packets of accounts that were refused since the boot (bin/fleet-egress). */
  readonly refusedPackets: number;
  /**
   * How far chrony finds the clock off, seconds; null: there is no chrony, or it has not heard from
   * a server. The agent's sandbox keeps it from asking.
   */
  readonly chronyOffsetSeconds: number | null;
  /**
   * Which ledger the host obeys, how late a run of it, and what it has heard of that one's history;
   * null: none.
   */
  readonly authority: {
    readonly id: string;
    readonly serial?: number | undefined;
    readonly heads: readonly HistoryHead[];
  } | null;
  /**
   * What sudo lets the narrowed login user do without a password; null: nobody is narrowed, or
   * nobody looked.
   */
  readonly narrowSudo: 'narrow' | 'wide' | 'broken' | null;
  /**
   * Accounts that had more of the disk than they may have when that limit came, in the words of
   * bin/fleet-quota.
   */
  readonly overLimit: readonly string[];
}

/** How many of these are reported at most, and how many characters of each. */
const overLimitAtMost = { accounts: 50, characters: 300 };

const reachLimitSeconds = 8;

/** As the login user: what has to work, and what must not. */
const narrowLook = (
  user: string,
): string => `as() { runuser -u ${quoteShell(user)} -- sudo -n -- "$@" </dev/null >/dev/null 2>&1; }
if ! as ${hostPaths.current}/bin/fleet-sudo fleet-${'0'.repeat(18)} 5 nothing; then echo 'sudo broken'; elif as true; then echo 'sudo wide'; else echo 'sudo narrow'; fi`;

/**
 * Run as root. One `key value` a line; nothing is changed. `telegram`: an IPv4 address of a data
 * centre. `narrowUser`: the login user whose sudo is to be narrow;
 * null: nobody's.
 */
export const checkupCommand = (telegram: string, narrowUser: string | null = null): string =>
  inOwnEnvironment(`/bin/sh -c ${quoteShell(checkupScript(telegram, narrowUser))}`);

const checkupScript = (telegram: string, narrowUser: string | null): string => `export LC_ALL=C
${narrowUser === null ? '' : narrowLook(narrowUser)}
echo "authority $(head -c 16384 ${hostPaths.authority} 2>/dev/null | tr -d '\\n')"
systemctl list-units --plain --no-legend --state=failed | while read -r unit rest; do echo "failed $unit"; done
ss -Hltnp | while read -r state receive send local peer users; do echo "listen $local $users"; done
[ ! -e /var/run/reboot-required ] || echo reboot
echo "inodes $(df -P -i / | tail -n 1)"
systemctl show -p Listen --value ssh.socket 2>/dev/null | while read -r address kind; do echo "ssh-socket $address"; done
echo "chrony $(chronyc -c tracking 2>/dev/null)"
command -v nft >/dev/null && echo filter
nft list counter inet fleet refused 2>/dev/null | while read -r word count rest; do [ "$word" = packets ] && echo "refused $count"; done
systemd-run --quiet --wait --collect -p IPAddressDeny=any bash -c 'echo >/dev/udp/127.0.0.1/9' >/dev/null 2>&1 || echo enforced
for over in /run/fleet-boot/over/*; do [ ! -f "$over" ] || echo "over $(head -c ${overLimitAtMost.characters} "$over")"; done
timeout ${reachLimitSeconds} bash -c '</dev/tcp/${telegram}/443' 2>/dev/null && echo telegram
true`;

const isLocal = (address: string): boolean => /^(?:127\.|\[::1\]|\[::ffff:127\.)/.test(address);

/** `["sshd",pid=1,fd=3]` of ss as the program's name. */
const programOf = (users: string): string => /\("([^"]+)"/.exec(users)?.[1] ?? 'unknown program';

const portOf = (address: string): string => address.slice(address.lastIndexOf(':') + 1);

/**
 * Of `chronyc -c tracking`: reference, its name, stratum, reference time, offset in seconds, ...
 * With reference 0 or the local clock it has heard nobody.
 */
const chronyOffset = (line: string): number | null => {
  const [reference = '', , , , offset = ''] = line.split(',');
  return offset === '' || /^(?:0{8}|7F7F0101)$/.test(reference) || !Number.isFinite(Number(offset))
    ? null
    : Number(offset);
};

const headSchema = z.object({
  length: z.int().nonnegative(),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});
/** More than a host keeps are not looked at. */
const authoritySchema = z.object({
  id: z.string().max(128),
  serial: z.int().nonnegative().optional().catch(undefined),
  heads: z.array(headSchema).max(64).catch([]),
});

function authorityIn(text: string): HostCheckup['authority'] {
  try {
    return authoritySchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** Pure. */
export function parseCheckup(stdout: string): HostCheckup {
  const lines = stdout.split('\n');
  const after = (key: string): string[] =>
    lines.flatMap((line) =>
      line.startsWith(`${key} `) ? [line.slice(key.length + 1).trim()] : [],
    );
  const listening = after('listen').map((line) => ({
    address: line.split(' ')[0] ?? '',
    program: programOf(line),
  }));
  // Socket activation (Ubuntu 24.04): systemd holds the socket of ssh, on whatever port, until
  // somebody comes.
  const sshPorts = new Set(['22', ...after('ssh-socket').map(portOf)]);
  const isSsh = ({ address, program }: { address: string; program: string }): boolean =>
    program === 'sshd' || (program === 'systemd' && sshPorts.has(portOf(address)));
  const inodes = /(\d+)%/.exec(after('inodes')[0] ?? '')?.[1];
  return {
    // Accounts that have ended for good are the accounts' state, not the host's.
    failedUnits: after('failed').filter((unit) => !unit.startsWith('fleet-account@')),
    openPorts: listening
      .filter((socket) => !isLocal(socket.address) && !isSsh(socket))
      .map(({ address, program }) => `${address} ${program}`),
    reachesTelegram: lines.includes('telegram'),
    needsReboot: lines.includes('reboot'),
    inodesUsedRatio: inodes === undefined ? null : Number(inodes) / 100,
    deniesMetadata: lines.includes('enforced') || lines.includes('filter'),
    authority: authorityIn(after('authority')[0] ?? ''),
    narrowSudo:
      (['narrow', 'wide', 'broken'] as const).find((word) => lines.includes(`sudo ${word}`)) ??
      null,
    refusedPackets: Number(/^\d{1,15}$/.exec(after('refused')[0] ?? '')?.[0] ?? 0),
    chronyOffsetSeconds: chronyOffset(after('chrony')[0] ?? ''),
    overLimit: after('over')
      .slice(0, overLimitAtMost.accounts)
      .map((words) => words.slice(0, overLimitAtMost.characters)),
  };
}

const inodeLimitRatio = 0.9;
/** Telegram refuses messages whose clock is more than about 30 s off; this leaves time to act. */
const clockLimitSeconds = 2;

/** What of it an operator should know. Pure. */
export function checkupFindings(where: string, checkup: HostCheckup): Finding[] {
  const { failedUnits, openPorts, reachesTelegram, needsReboot, inodesUsedRatio } = checkup;
  const found: Finding[] = failedUnits.map((unit) => ({
    ...{
      where,
      level: unit.startsWith('fleet-') ? 'critical' : 'warning',
      text: `${unit} has failed`,
    },
    remedy: `fleet exec ${where} --root -- journalctl -u ${unit} -n 30`,
  }));
  for (const port of openPorts) {
    const remedy =
      'fleet needs no open port: stop the program, or bind it to 127.0.0.1, unless it is ' +
      'meant to be there';
    found.push({ where, level: 'warning', text: `it listens on ${port}`, remedy });
  }
  if (!reachesTelegram) {
    const remedy =
      `outgoing TCP to port 443 must be open: fleet exec ${where} --root -- ufw status ` +
      'verbose, then the firewall of its provider';
    found.push({ where, level: 'critical', text: 'it cannot reach Telegram', remedy });
  }
  if (needsReboot) {
    const remedy = `at a quiet hour: fleet reboot ${where}; its accounts come back by themselves`;
    found.push({ where, level: 'warning', text: 'an upgrade waits for a reboot', remedy });
  }
  if ((inodesUsedRatio ?? 0) >= inodeLimitRatio) {
    const remedy = `fleet exec ${where} --root -- 'du --inodes -x / | sort -n | tail'`;
    found.push({
      where,
      level: 'critical',
      text: `${Math.round((inodesUsedRatio ?? 0) * 100)} % of its files are used up`,
      remedy,
    });
  }
  const offset = checkup.chronyOffsetSeconds ?? 0;
  if (Math.abs(offset) > clockLimitSeconds) {
    const remedy = `fleet exec ${where} --root -- chronyc makestep`;
    found.push({
      where,
      level: 'critical',
      text: `its clock is off by ${offset.toFixed(1)} s, as chrony finds`,
      remedy,
    });
  }
  for (const text of checkup.overLimit) {
    const remedy =
      'make room for it (its files: /var/lib/private/fleet-accounts), or raise that limit ' +
      'and run: fleet accounts restart';
    found.push({ where, level: 'warning', text, remedy });
  }
  return [...found, ...egressFindings(where, checkup), ...sudoFindings(where, checkup)];
}

function sudoFindings(where: string, { narrowSudo }: HostCheckup): Finding[] {
  if (narrowSudo === 'wide') {
    const text =
      'ssh.sudo is narrow, but the login user may still do everything by sudo without a password';
    const remedy =
      `fleet init --limit ${where}; if that changes nothing, a rule after ` +
      `/etc/sudoers.d/zz-fleet gives it: fleet exec ${where} --root -- sudo -l -U USER`;
    return [{ where, level: 'critical', text, remedy }];
  }
  if (narrowSudo !== 'broken') return [];
  const text = "sudo does not let the login user run fleet's helper";
  return [
    {
      where,
      level: 'critical',
      text,
      remedy: `fleet init --limit ${where}; then, as root on the host: visudo -c`,
    },
  ];
}

function egressFindings(where: string, { deniesMetadata, refusedPackets }: HostCheckup): Finding[] {
  const open: Finding = {
    ...{
      where,
      level: 'warning',
      text:
        'its accounts can reach the metadata service of its cloud: the kernel does not ' +
        'enforce IPAddressDeny',
    },
    remedy: `fleet exec ${where} --root -- apt-get install -y nftables, then restart its accounts`,
  };
  const refused: Finding = {
    ...{
      where,
      level: 'warning',
      text: `${refusedPackets} packets of its accounts were refused since its boot`,
    },
    remedy:
      'an account tried a metadata service, a link-local address, what egress.allow does not ' +
      `name, or a thousand connections at a time: fleet exec ${where} --root -- nft list ` +
      'table inet fleet',
  };
  return [...(deniesMetadata ? [] : [open]), ...(refusedPackets > 0 ? [refused] : [])];
}
