/**
 * Hosts whose start files and environment are odd in ways that operators and images really set:
 * `init` makes them ready all the same, and nothing is left to change.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type InitMaterials,
  loadInitMaterials,
} from '../../../src/workflows/init/init-materials.ts';
import { connectLab, type Lab } from '../../lab/lab.ts';
import { packageDirectory } from './init-fixture.ts';
import { initOnHost, labHost } from './init-on-host.ts';

const index = 1;
let lab: Lab;
let materials: InitMaterials;
beforeAll(async () => {
  lab = await connectLab();
  materials = await loadInitMaterials({
    root: packageDirectory,
    profiles: ['account-host'],
    runtimeMirror: null,
  });
});
afterAll(() => lab.wipe(index));

const environment = (lines: string): string => `printf '%b' '${lines}' >>/etc/environment`;
const variants: readonly (readonly [what: string, user: 'root' | 'ubuntu', change: string])[] = [
  [
    'variables that change what programs print or read',
    'root',
    environment(
      [
        'POSIXLY_CORRECT=1',
        'BLOCK_SIZE=1',
        'DF_BLOCK_SIZE=1',
        'TIME_STYLE=long-iso',
        'CDPATH=/etc:/usr',
        'TAR_OPTIONS=--exclude=*.cjs',
        'GZIP=-1',
        'SYSTEMD_COLORS=1',
        'SYSTEMD_PAGER=cat',
        'SYSTEMD_LOG_LEVEL=debug',
        'GREP_OPTIONS=--color=always',
        'GREP_COLORS=mt=01;31',
        'APT_CONFIG=/nonexistent',
        'DPKG_COLORS=always',
        'TZ=Asia/Tokyo',
      ].join('\\n'),
    ),
  ],
  [
    'variables that run something, or point to nothing',
    'root',
    `echo 'echo noise from BASH_ENV; alias ls=false; set -e' >/etc/noise; chmod 644 /etc/noise; ${environment(
      [
        'BASH_ENV=/etc/noise',
        'ENV=/etc/noise',
        'NODE_OPTIONS=--require=/nonexistent.js',
        'NODE_PATH=/nonexistent',
        'TMPDIR=/nonexistent',
        'TMP=/nonexistent',
      ].join('\\n'),
    )}`,
  ],
  [
    'a locale that folds letters otherwise and is not installed',
    'ubuntu',
    environment('LANG=tr_TR.UTF-8\\nLC_ALL=tr_TR.UTF-8\\nLANGUAGE=tr'),
  ],
  ['an empty PATH', 'root', `sed -i '/^PATH/d' /etc/environment; ${environment('PATH=')}`],
  [
    'umask 0777',
    'ubuntu',
    "echo 'umask 0777' | tee -a /etc/profile /root/.bashrc /home/ubuntu/.bashrc " +
      "/home/ubuntu/.profile >/dev/null; sed -i '1i umask 0777' /home/ubuntu/.bashrc",
  ],
  [
    "start files that print escape sequences and colours, and leave before the shell's own line",
    'ubuntu',
    `sed -i '1i printf "\\\\033]0;title\\\\007\\\\033[31mred\\\\033[0m\\\\n"; echo ` +
      `to-stderr >&2; shopt -s nullglob failglob; set -o noclobber' /home/ubuntu/.bashrc ` +
      `/root/.bashrc; printf '\\033[2Jmotd\\n' >/etc/motd; printf '\\033[31mbanner\\n' ` +
      `>/etc/issue.net; echo 'Banner /etc/issue.net' >/etc/ssh/sshd_config.d/20-banner.conf; ` +
      'systemctl restart ssh',
  ],
  [
    'a dash as login shell, no home, no name in /etc/hosts',
    'ubuntu',
    'usermod -s /bin/dash -d /nonexistent-home ubuntu; mkdir -p /etc/ssh/keys; cp ' +
      '/home/ubuntu/.ssh/authorized_keys /etc/ssh/keys/ubuntu; chmod 755 /etc/ssh/keys; ' +
      'chmod 644 /etc/ssh/keys/ubuntu; echo "AuthorizedKeysFile /etc/ssh/keys/%u ' +
      '.ssh/authorized_keys" >/etc/ssh/sshd_config.d/20-keys.conf; : >/etc/hosts; systemctl ' +
      'restart ssh',
  ],
  [
    'sudoers with secure_path narrowed, requiretty for others, a lecture, and a log',
    'ubuntu',
    `printf '%s\\n' 'Defaults secure_path=/usr/bin:/bin' 'Defaults:nobody requiretty' ` +
      `'Defaults lecture=always' 'Defaults logfile=/var/log/sudo.log' 'Defaults use_pty' ` +
      `'Defaults umask=0077, umask_override' >/etc/sudoers.d/odd`,
  ],
  [
    'two ports of sshd, and Match blocks',
    'ubuntu',
    `printf '%s\\n' 'Port 22' 'Port 2222' >/etc/ssh/sshd_config.d/20-ports.conf; printf ` +
      `'%s\\n' 'Match User nobody' ' ForceCommand /bin/false' 'Match Address 203.0.113.0/24' ` +
      `' DenyUsers *' >>/etc/ssh/sshd_config; systemctl restart ssh`,
  ],
  [
    'a read-only /boot, noexec on /tmp, /var/tmp and /dev/shm, a /run of 40 MB',
    'root',
    'mount -t tmpfs -o ro boot /boot; for d in /tmp /var/tmp /dev/shm; do mount -t tmpfs ' +
      '-o noexec,nosuid,nodev,mode=1777 t $d; done; mount -o remount,size=40m /run',
  ],
];

it.each(variants)('%s, as %s', { timeout: 400_000 }, async (_what, user, change) => {
  await lab.wipe(index, 'equipped');
  const prepared = await lab.ssh(index, change);
  expect([prepared.code, prepared.stderr.replaceAll(/^.*(?:Warning|motd).*$/gm, '')]).toEqual([
    0,
    expect.any(String),
  ]);
  const host = labHost(lab, index, 'account-host');
  const as = { ...host, ssh: { ...host.ssh, user } };
  const first = await initOnHost(lab, as, materials, {});
  expect([first.error?.message ?? null, first.state]).toEqual([null, 'changed']);
  const second = await initOnHost(lab, as, materials, {});
  expect([
    second.error?.message ?? null,
    second.steps.filter(({ state }) => state !== 'ok').map(({ id, what }) => [id, what]),
  ]).toEqual([null, []]);
  const modes = await lab.ssh(
    index,
    '/usr/bin/stat -c "%a %n" /opt/fleet /opt/fleet/releases /etc/fleet ' +
      '/etc/fleet/host.json /var/lib/fleet /run/fleet',
  );
  expect(modes.stdout).toMatch(/755 \/opt\/fleet\n/);
});
