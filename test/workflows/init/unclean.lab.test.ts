/**
 * Hosts as people have them: `fleet init` says what is in its way, waits or works around it, and
 * leaves what is the operator's.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeOperator, type Operator } from '../../e2e/operator.ts';
import { connectLab, type Lab } from '../../lab/lab.ts';
import type { CommandResult } from '../../lab/run-command.ts';
import { useProfile } from '../../steps/own-profile.ts';

const index = 2;
let lab: Lab;
let operator: Operator;
const told: string[] = [];

const profile = `description: mine
extends: minimal
packages: [htop]
aptWait: 15
timeZone: true
firewall: true
services: [mine-logger.service]
directories: [{ path: /srv/shared, mode: "750", owner: root:adm }]
files:
  rotation: { title: rotation, files: [{ path: /etc/logrotate.d/mine, source: files/rotation }] }
`;

beforeAll(async () => {
  lab = await connectLab();
  await lab.wipe(index);
  operator = await makeOperator({ lab, hosts: [index] });
  await mkdir(join(operator.directory, 'files'));
  await writeFile(join(operator.directory, 'files', 'rotation'), '/var/log/mine { weekly }\n');
  await useProfile(operator, profile);
  await operator.fleet(['hosts', 'trust', '--yes']);
  await onHost('apt-get update -qq; cd /root; apt-get download -q htop', 60_000);
}, 120_000);
afterAll(async () => {
  console.log(`What fleet init says on hosts that are not clean:\n${told.join('\n')}`);
  await operator?.remove();
  await lab.wipe(index);
});

const onHost = async (command: string, timeoutMs = 30_000): Promise<string> =>
  (await lab.ssh(index, command, { timeoutMs })).stdout.trim();
async function init(what: string, ...args: string[]): Promise<CommandResult> {
  const result = await operator.fleet(['init', '--yes', ...args]);
  const lines = `${result.stdout}\n${result.stderr}`
    .split('\n')
    .filter((line) => /^✗|→|warning|note|waits|finishes|kept|pending/.test(line));
  told.push(`${what}: exit ${result.code}\n${[...new Set(lines)].join('\n')}`);
  return result;
}

describe('packages', () => {
  it('dead mirrors: named, with what to look at', async () => {
    await onHost(
      'mkdir /root/apt; mv /etc/apt/sources.list* /etc/apt/apt.conf.d/00lab /root/apt/; ' +
        'echo "deb http://10.77.0.250/debian bookworm main" >/etc/apt/sources.list; rm -rf ' +
        '/var/lib/apt/lists /var/cache/apt/*.bin',
    );
    const result = await init('dead mirrors', '--only', 'packages');
    await onHost(
      'rm -r /etc/apt/sources.list*; cd /root/apt; mv sources.list* /etc/apt/; mv 00lab ' +
        '/etc/apt/apt.conf.d/; apt-get update -qq',
      60_000,
    );
    expect(result.code).toBe(3);
    expect(result.stderr).toMatch(
      /h2: packages: cannot install htop[\s\S]*the host cannot reach its package mirrors/,
    );
  });

  it('a package that was left half configured, while unattended-upgrades has the lock', async () => {
    await onHost('dpkg --unpack /root/htop*.deb');
    await onHost(
      `cp /usr/bin/python3 /tmp/unattended-upgr; setsid /tmp/unattended-upgr -c 'import ` +
        `fcntl,time;f=open("/var/lib/dpkg/lock-frontend","w");fcntl.lockf(f,fcntl.LOCK_EX);time.sleep(12)' ` +
        '>/dev/null 2>&1 </dev/null & sleep 1',
    );
    const result = await init('half configured, unattended-upgrades', '--only', 'packages');
    expect(result.code).toBe(0);
    expect(result.stderr).toMatch(/held by unattended-upgr \(pid \d+\)/);
    expect(result.stderr).toContain('finishes what dpkg left half configured');
    expect(await onHost('dpkg -s htop | grep ^Status')).toBe('Status: install ok installed');
  });
});

describe('what is in the way', () => {
  it('apt’s lock that nobody gives back: waits, then gives up with the holder’s name', async () => {
    await onHost(
      'dpkg --purge htop; cp /usr/bin/python3 /tmp/dpkg-holder; setsid /tmp/dpkg-holder -c ' +
        `'import ` +
        `fcntl,time;f=open("/var/lib/dpkg/lock-frontend","w");fcntl.lockf(f,fcntl.LOCK_EX);time.sleep(300)' ` +
        '>/dev/null 2>&1 </dev/null & sleep 1',
    );
    const result = await init('lock that stays', '--only', 'packages');
    await onHost('pkill -x dpkg-holder');
    expect(result.code).toBe(3);
    expect(result.stderr).toMatch(
      /packages: apt is locked by dpkg-holder \(pid \d+\)[\s\S]*wait until it has ended/,
    );
  });

  it('a foreign /opt/fleet, and a user of the same name', async () => {
    await onHost('mv /var/lib/fleet/init/manifest /root/manifest; mkdir -p /opt/fleet/trucks');
    const foreign = await init('foreign /opt/fleet', '--only', 'rotation');
    expect(foreign.stderr).toMatch(
      /foreign: this host holds something that is not fleet's[^\n]*: \/opt\/fleet\/trucks[\s\S]*move it away/,
    );
    await onHost(
      'rm -r /opt/fleet; mv /root/manifest /var/lib/fleet/init/manifest; useradd -m _fleet',
    );
    const user = await init('user of the same name', '--only', 'user');
    expect(user.stderr).toMatch(
      /user: the user _fleet \(uid \d+, home \/home\/_fleet\) is not the one that fleet makes/,
    );
    await onHost('userdel -r _fleet');
  });

  it('a clock that is far off', async () => {
    // The host's clock is that of the machine around it; what counts is that the operator's
    // differs.
    const late = join(operator.directory, 'late.mjs');
    await writeFile(late, 'const now = Date.now;\nDate.now = () => now() + 3_600_000;\n');
    const args = ['init', '--yes', '--only', 'rotation', '--check'];
    const result = await operator.fleet(args, { env: { NODE_OPTIONS: `--import=${late}` } });
    told.push(
      `clock an hour off: exit ${result.code}\n${result.stdout
        .split('\n')
        .filter((line) => line.includes('clock'))
        .join('\n')}`,
    );
    expect(result.stdout).toMatch(/warning .*clock/);
  });
});

describe('what is the operator’s', () => {
  it('a read-only file in /etc is named and left as it is; with it writable it is replaced, shown in the diff and kept', async () => {
    await onHost(
      'echo "# by hand" >/etc/logrotate.d/mine; mount --bind -o ro /etc/logrotate.d/mine ' +
        '/etc/logrotate.d/mine',
    );
    const refused = await init('read-only file', '--only', 'rotation');
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(
      /rotation: cannot write \/etc\/logrotate.d\/mine[\s\S]*lsattr[\s\S]*findmnt/,
    );
    expect(await onHost('cat /etc/logrotate.d/mine; ls /etc/logrotate.d | grep fleet-new')).toBe(
      '# by hand',
    );
    await onHost('umount /etc/logrotate.d/mine');
    const shown = await init('own file', '--only', 'rotation', '--check', '--diff');
    expect(shown.code).toBe(4);
    expect(shown.stdout).toContain('-# by hand\n+/var/log/mine { weekly }');
    expect((await init('own file', '--only', 'rotation')).code).toBe(0);
    expect(await onHost('cat /var/backups/fleet/etc/logrotate.d/mine.*')).toBe('# by hand');
  });

  it('another time zone, and a directory with other rights: shown as they were before they change', async () => {
    await onHost('ln -sfn /usr/share/zoneinfo/Asia/Tokyo /etc/localtime; mkdir -m 777 /srv/shared');
    const { code, stdout } = await init(
      'time zone, rights',
      '--only',
      'time-zone,directories',
      '--check',
    );
    expect(code).toBe(4);
    expect(stdout).toContain('(now /usr/share/zoneinfo/Asia/Tokyo)');
    expect(stdout).toContain(
      'set mode and owner of /srv/shared to 750 root:adm (now 777 root:root)',
    );
  });

  it('a place that cannot be written: named before anything is tried', async () => {
    await onHost('mount --bind /etc /etc && mount -o remount,ro,bind /etc');
    try {
      const { code, stdout, stderr } = await init('read-only /etc');
      expect([code, `${stdout}${stderr}`]).toEqual([
        3,
        expect.stringContaining('space: /etc is mounted read-only'),
      ]);
    } finally {
      await onHost('umount -l /etc');
    }
  });

  it('a time zone of before, where only names of today are installed: the name of today is said', async () => {
    const inventory = join(operator.directory, 'inventory.yaml');
    const text = await readFile(inventory, 'utf8');
    await onHost('mv /usr/share/zoneinfo/US /root/zones');
    try {
      await writeFile(
        inventory,
        text.replace('defaults: { ', 'defaults: { time_zone: US/Eastern, '),
      );
      const { code, stdout, stderr } = await init('time zone of before', '--only', 'time-zone');
      expect([code, `${stdout}${stderr}`.replaceAll(/\s+/g, ' ')]).toEqual([
        3,
        expect.stringMatching(
          /does not know the time zone US\/Eastern .*name of today in the inventory: time_zone: America\/New_York/,
        ),
      ]);
    } finally {
      await writeFile(inventory, text);
      await onHost('mv /root/zones /usr/share/zoneinfo/US');
    }
  });

  it('nftables and firewalld instead of ufw: left alone, with a warning', async () => {
    await onHost(
      `apt-get install -qq nftables; printf 'table inet own {\nchain in {\ntype filter ` +
        `hook input priority 0;\ntcp dport 8080 accept\n}\n}\n' >/etc/nftables.conf; ` +
        'systemctl start nftables',
      60_000,
    );
    const rules = await onHost('nft list ruleset');
    expect(rules).toContain('8080');
    const nftables = await init('nftables', '--only', 'firewall');
    expect(nftables.code).toBe(0);
    expect(nftables.stdout).toMatch(/nftables is this host's firewall: left alone/);
    expect(await onHost('nft list ruleset')).toBe(rules);
    await onHost(
      'systemctl stop nftables; printf ' +
        `'[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n' ` +
        '>/etc/systemd/system/firewalld.service; systemctl start firewalld',
    );
    expect((await init('firewalld', '--only', 'firewall')).stdout).toMatch(
      /firewalld is this host's firewall: left alone/,
    );
    await onHost('systemctl stop firewalld; rm /etc/systemd/system/firewalld.service');
  });
});

describe('the system', () => {
  it('little memory, no swap', async () => {
    await onHost(
      'sed "s/^MemTotal:.*/MemTotal: 921600 kB/; s/^MemAvailable:.*/MemAvailable: 102400 ' +
        'kB/; s/^Swap.*:.*/SwapTotal: 0 kB/" /proc/meminfo >/root/meminfo; mount --bind ' +
        '/root/meminfo /proc/meminfo',
    );
    const { code, stdout } = await init('little memory', '--only', 'rotation');
    await onHost('umount /proc/meminfo');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /900 MB of memory and no swap hold about \d accounts of \d+ MB, max_accounts is 20/,
    );
    expect(stdout).toContain('only 100 MB of memory are free');
  });

  it('AppArmor or SELinux forbids what a unit wants: its message is in the error', async () => {
    await onHost(
      `printf '[Service]\nExecStart=/bin/sh -c "exit ` +
        `1"\n[Install]\nWantedBy=multi-user.target\n' ` +
        `>/etc/systemd/system/mine-logger.service; systemctl daemon-reload; logger 'audit: ` +
        `type=1400 apparmor="DENIED" operation="exec" profile="mine" name="/bin/sh"'`,
    );
    const { code, stderr } = await init('AppArmor', '--only', 'services');
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /mine-logger.service does not run[\s\S]*the system forbade: .*apparmor="DENIED" operation="exec"/,
    );
  });

  it('an older release of fleet, and ufw with rules of one’s own, which stay', async () => {
    await onHost(
      'mkdir -p /opt/fleet/releases/0123456789abcdef/lib /opt/fleet/runtimes; ln -s ' +
        'releases/0123456789abcdef /opt/fleet/current; apt-get install -qq ufw >/dev/null ' +
        '2>&1; ufw allow 22/tcp; ufw allow 8080/tcp; ufw deny from 10.99.0.0/16; ufw ' +
        '--force enable',
      120_000,
    );
    const rules = await onHost('ufw status');
    const release = await init('older release', '--only', 'agent', '--check');
    expect(release.stdout).toMatch(/switch to release [0-9a-f]{16} \(now 0123456789abcdef\)/);
    const own = await init('ufw with own rules', '--only', 'firewall');
    expect(own.code).toBe(0);
    expect(own.stdout).not.toContain('warning firewall');
    expect(await onHost('ufw status')).toBe(rules);
    await onHost('ufw --force disable; rm -r /opt/fleet');
  });
});
