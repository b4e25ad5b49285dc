/**
 * `fleet uninstall` on a real host: what a look at the whole host says before `fleet init` and
 * after it.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { HostSpec } from '../../../src/model/inventory.ts';
import type { HostInitOutcome } from '../../../src/workflows/init/init.ts';
import {
  type InitMaterials,
  loadInitMaterials,
  loadLibrary,
} from '../../../src/workflows/init/init-materials.ts';
import { type HostInitPlan, planInit } from '../../../src/workflows/init/init-plan.ts';
import { planUninstall } from '../../../src/workflows/init/uninstall.ts';
import { connectLab, type Lab } from '../../lab/lab.ts';
import { hold, packageDirectory } from './init-fixture.ts';
import { labHost, runOnHost } from './init-on-host.ts';

const index = 2;
let lab: Lab;
let materials: InitMaterials;
let library: string;

beforeAll(async () => {
  lab = await connectLab();
  materials = await loadInitMaterials({
    root: packageDirectory,
    profiles: ['account-host'],
    runtimeMirror: null,
  });
  library = await loadLibrary(packageDirectory, ['uninstall']);
});

const look = `export LC_ALL=C
find /etc /opt /usr/local /root /home /srv /var/lib /var/backups /var/log/fleet /run/fleet* -xdev \\( -path /var/lib/systemd -o -path /var/lib/apt -o -path /var/lib/dpkg \\) -prune -o \\( -type f -o -type l -o -type d \\) -printf '%y %m %u:%g %p %l\\n' 2>/dev/null | sed 's/ *$//'
find /etc -type f -print0 | xargs -0 sha256sum
dpkg-query -W -f 'package \${Package} \${db:Status-Status}\\n'
systemctl list-unit-files --no-legend | awk '$2 != "transient" { print "unit", $1, $2 }'
systemctl list-units --all --no-legend --plain 'fleet*' | awk '{ print "loaded", $1, $3 }'
sed 's/^/user /' /etc/passwd; sed 's/^/group /' /etc/group
for key in net.core.somaxconn net.ipv4.tcp_fin_timeout net.ipv4.ip_local_port_range net.ipv4.tcp_tw_reuse; do sysctl $key; done`;

const onHost = async (command: string): Promise<string> =>
  (await lab.ssh(index, command, { timeoutMs: 120_000 })).stdout.trim();
const lookAtAll = async (): Promise<Set<string>> => new Set((await onHost(look)).split('\n'));

const run = (plan: (host: HostSpec) => readonly HostInitPlan[]): Promise<HostInitOutcome> =>
  runOnHost(lab, plan(labHost(lab, index, 'account-host')), materials.openBlob);

async function init(): Promise<void> {
  const options = { check: false, diff: false, upgrade: false, only: [], skip: [] };
  const outcome = await run((host) =>
    planInit({ fleet: 'test', hold, hosts: [host] }, materials, options),
  );
  expect(outcome.error).toBeNull();
}
const uninstall = (
  change: { purgePackages?: boolean; check?: boolean } = {},
): Promise<HostInitOutcome> =>
  run((host) =>
    planUninstall([host], {
      purgePackages: false,
      forgetClaims: false,
      check: false,
      library,
      ...change,
    }),
  );

/**
 * Record and service user as the release before made them: neither trees nor fleet's own files were
 * named.
 */
const recordOfBefore = `cd /var/lib/fleet/init
grep -v -P '^(form|tree|user)\\t|^file\\t/(opt|var/lib)/fleet/|^directory\\t/var/lib/fleet\\t' manifest >before; mv before manifest
printf 'user\\tfleet\\t-\\n' >>manifest; systemctl stop fleet-agent; userdel _fleet
useradd --system --user-group --home-dir /var/lib/fleet --no-create-home --shell /usr/sbin/nologin fleet`;

/** What is different, as lines of the look: `-` gone, `+` new. */
const difference = (before: ReadonlySet<string>, after: ReadonlySet<string>): string[] => [
  ...[...before].filter((line) => !after.has(line)).map((line) => `- ${line}`),
  ...[...after].filter((line) => !before.has(line)).map((line) => `+ ${line}`),
];

describe('fleet uninstall', () => {
  it('leaves a bare host as it was, but for the packages, which it names', async () => {
    await lab.wipe(index);
    const before = await lookAtAll();
    expect(before.size).toBeGreaterThan(1000);
    await init();
    expect((await uninstall({ check: true })).state).toBe('pending');
    const outcome = await uninstall();
    expect(outcome.error).toBeNull();
    expect(outcome.warnings.join('\n')).toMatch(
      /packages that fleet installed stay: .*fail2ban.*ufw/,
    );
    const left = difference(before, await lookAtAll());
    expect(left.filter((line) => /fleet/.test(line))).toEqual([]);
    expect(
      left.filter(
        (line) =>
          /sysctl|tcp_|somaxconn|port_range|^. user _?fleet|^. group _?fleet/.test(line) &&
          !/\/etc\/ufw/.test(line),
      ),
    ).toEqual([]);
    expect(await onHost('ufw status; systemctl is-active fleet-agent fleet-hold')).toBe(
      'Status: inactive\ninactive\ninactive',
    );
  });

  it('leaves a host that had the packages exactly as it was: not one difference', async () => {
    await onHost(
      'echo "net.core.somaxconn = 4096 # mine" >/etc/sysctl.d/90-fleet.conf; ln -sfn ' +
        '/usr/share/zoneinfo/Europe/Berlin /etc/localtime',
    );
    const before = await lookAtAll();
    await init();
    expect(await onHost('readlink /etc/localtime; grep -c mine /etc/sysctl.d/90-fleet.conf')).toBe(
      '/usr/share/zoneinfo/Etc/UTC\n0',
    );
    const outcome = await uninstall();
    expect(outcome.error).toBeNull();
    expect(difference(before, await lookAtAll())).toEqual([]);
  });

  it('a second time there is nothing to do', async () => {
    const before = await lookAtAll();
    const outcome = await uninstall();
    expect([outcome.state, outcome.error]).toEqual(['ready', null]);
    expect(difference(before, await lookAtAll())).toEqual([]);
  });

  it('without a record of fleet nothing is removed: other people’s files, and a person’s login', async () => {
    const foreign = [
      '/etc/fleet/other.yml',
      '/opt/fleet/bin/x',
      '/var/lib/fleet/data/x',
      '/etc/systemd/system/fleet-tracker.service',
    ];
    await onHost(
      `useradd -m fleet; for path in ${foreign.join(' ')}; do mkdir -p "\${path%/*}"; echo ` +
        'mine >$path; done',
    );
    const before = await lookAtAll();
    const outcome = await uninstall();
    expect([outcome.state, outcome.error]).toEqual(['ready', null]);
    expect(outcome.warnings.join()).toContain('no record of fleet');
    expect(difference(before, await lookAtAll())).toEqual([]);
    await onHost(
      'userdel -r fleet; rm -r /etc/fleet /opt/fleet /var/lib/fleet ' +
        '/etc/systemd/system/fleet-tracker.service',
    );
  });

  it('what others put beside fleet’s files stays, also a person’s login that is called fleet', async () => {
    await onHost('useradd -m fleet');
    const before = await lookAtAll();
    await init();
    const foreign = [
      '/etc/fleet/other.yml',
      '/opt/fleet/bin/x',
      '/var/lib/fleet/data/x',
      '/etc/systemd/system/fleet-tracker.service',
    ];
    await onHost(
      `for path in ${foreign.join(' ')}; do mkdir -p "\${path%/*}"; echo mine >$path; done`,
    );
    await onHost('echo "# mine" >>/etc/logrotate.d/fleet');
    const outcome = await uninstall();
    expect(outcome.error).toBeNull();
    expect(
      await onHost(
        'cd /var/backups/fleet && tail -n 1 etc/logrotate.d/fleet.*; rm -r /var/backups/fleet',
      ),
    ).toBe('# mine');
    expect(outcome.notes.join('\n')).toMatch(
      /\/opt\/fleet stays, it holds what fleet did not make: bin/,
    );
    const left = difference(before, await lookAtAll()).filter(
      (line) => !/ (d|unit) /.test(line.slice(0, 4)) && /fleet/.test(line),
    );
    expect(left.filter((line) => line.startsWith('- '))).toEqual([]);
    expect(
      left
        .filter((line) => line.startsWith('+ f '))
        .map((line) => line.split(' ').at(-1))
        .sort(),
    ).toEqual([...foreign].sort());
    await onHost(
      'userdel -r fleet; rm -r /etc/fleet /opt/fleet /var/lib/fleet ' +
        '/etc/systemd/system/fleet-tracker.service',
    );
  });

  it('refuses while a claim is there that nobody can read', async () => {
    await onHost(
      'mkdir -p /var/lib/fleet/claims /var/lib/fleet/init; echo torn ' +
        '>/var/lib/fleet/claims/00000000000000000000000000000000.claim',
    );
    const outcome = await uninstall();
    expect(outcome.error).toMatchObject({ code: 'claim-refused' });
    expect(await onHost('ls /var/lib/fleet/claims | wc -l')).toBe('1');
    await onHost('rm -r /var/lib/fleet');
  });

  it('takes the packages along when it is asked to, also by the record of the release before; what dpkg itself leaves is all that remains', async () => {
    await lab.wipe(index);
    const before = await lookAtAll();
    await init();
    await onHost(recordOfBefore);
    const outcome = await uninstall({ purgePackages: true });
    expect(outcome.error).toBeNull();
    const left = difference(before, await lookAtAll());
    expect(left.filter((line) => /^. package|^. unit|fleet/.test(line))).toEqual([]);
    expect(left.filter((line) => !documented.test(line))).toEqual([]);
  });
});

/**
 * The copies that the tools for users keep of the tables before, and ucf's generations of its own
 * list.
 */
const documented =
  /^[-+] [0-9a-f]{64} {2}\/etc\/(passwd|group|shadow|gshadow)-$|^\+ f 644 root:root \/var\/lib\/ucf\/hashfile\.\d$/;
