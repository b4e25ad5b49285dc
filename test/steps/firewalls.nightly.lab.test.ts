/**
 * Five firewalls that an operator may have, through init, a reboot, a second init and uninstall:
 * the way in and the operator's own rules stay.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { HostInitOutcome } from '../../src/workflows/init/init.ts';
import {
  type InitMaterials,
  loadInitMaterials,
  loadLibrary,
} from '../../src/workflows/init/init-materials.ts';
import { planUninstall } from '../../src/workflows/init/uninstall.ts';
import { connectLab, type Lab } from '../lab/lab.ts';
import { packageDirectory } from '../workflows/init/init-fixture.ts';
import { initOnHost, labHost, runOnHost } from '../workflows/init/init-on-host.ts';

const index = 1;
const install = (name: string): string =>
  'DEBIAN_FRONTEND=noninteractive apt-get -q -y update >/dev/null && ' +
  `DEBIAN_FRONTEND=noninteractive apt-get -q -y install ${name} >/dev/null`;
interface Firewall {
  readonly name: string;
  /** What the operator did before fleet came. */
  readonly setUp: string;
  /**
   * Prints the operator's own rules as the kernel or the service has them; the same at every stage.
   */
  readonly rules: string;
}
const nftRules = `table inet mine {
  chain input { type filter hook input priority 0; policy drop; iif lo accept; ct state established,related accept; tcp dport { 22, 8080 } accept; }
}`;
const firewalls: readonly Firewall[] = [
  { name: 'none', setUp: 'true', rules: 'true' },
  {
    name: 'ufw with rules of its own',
    setUp:
      'ufw allow from 10.77.0.0/24 to any port 22 proto tcp; ufw allow 8080/tcp; ufw deny ' +
      'from 203.0.113.0/24; ufw --force enable',
    rules: 'ufw status | grep -E "8080|203.0.113|10.77"',
  },
  {
    name: 'iptables-persistent',
    setUp:
      `${install('iptables-persistent')}; iptables -A INPUT -p tcp --dport 25 -j DROP; ` +
      'iptables -A INPUT -s 203.0.113.0/24 -j DROP; netfilter-persistent save',
    rules:
      'iptables -S INPUT | grep -E "dport 25|203.0.113.0"; dpkg -s iptables-persistent ' +
      'netfilter-persistent | grep ^Status; systemctl is-enabled netfilter-persistent',
  },
  {
    name: 'nftables.service',
    setUp:
      `${install('nftables')}; printf 'flush ruleset\n%s\n' '${nftRules}' ` +
      '>/etc/nftables.conf; systemctl enable -q --now nftables',
    rules: 'nft list table inet mine; systemctl is-enabled nftables',
  },
  {
    name: 'firewalld',
    setUp:
      `${install('firewalld')}; systemctl enable -q --now firewalld; firewall-cmd -q ` +
      '--permanent --add-port=8080/tcp; firewall-cmd -q --reload',
    rules:
      'firewall-cmd --list-ports; firewall-cmd --list-services; systemctl is-enabled firewalld',
  },
];

let lab: Lab;
let materials: InitMaterials;
let library: string;
const table: string[][] = [];
beforeAll(async () => {
  lab = await connectLab();
  materials = await loadInitMaterials({
    root: packageDirectory,
    profiles: ['account-host'],
    runtimeMirror: null,
  });
  library = await loadLibrary(packageDirectory, ['uninstall']);
});
afterAll(async () => {
  const rows = [['firewall', 'after', 'way in', "operator's rules", 'fleet said'], ...table];
  console.log(
    rows
      .map((row) =>
        row.map((cell, column) => cell.padEnd([28, 12, 7, 17, 0][column] ?? 0)).join(' '),
      )
      .join('\n'),
  );
  await lab.wipe(index);
});

const onHost = async (command: string): Promise<string> => {
  const { code, stdout, stderr } = await lab.ssh(index, command, { timeoutMs: 180_000 });
  if (code === 255) throw new Error(`no way in: ${stderr}`);
  return stdout.trim();
};
const init = (): Promise<HostInitOutcome> =>
  initOnHost(lab, labHost(lab, index, 'account-host'), materials, {});
const uninstall = (): Promise<HostInitOutcome> =>
  runOnHost(
    lab,
    planUninstall([labHost(lab, index, 'account-host')], {
      purgePackages: false,
      forgetClaims: false,
      check: false,
      library,
    }),
    materials.openBlob,
  );

it.each(firewalls)('$name', { timeout: 900_000 }, async ({ name, setUp, rules }) => {
  await lab.wipe(index, 'equipped');
  await onHost(setUp);
  const before = await onHost(rules);
  if (name !== 'none') expect(before).not.toBe('');
  const look = async (stage: string, outcome: HostInitOutcome | null): Promise<void> => {
    const now = await onHost(rules);
    const said =
      outcome?.warnings.find((line) => line.startsWith('firewall:')) ??
      outcome?.steps.find(({ id }) => id === 'firewall')?.what.join() ??
      '';
    table.push([
      name,
      stage,
      'kept',
      now === before ? 'kept' : 'LOST',
      `${outcome?.state ?? ''} ${said}`,
    ]);
    expect(now).toBe(before);
  };
  const first = await init();
  expect(first.error).toBeNull();
  await look('init', first);
  // A ban of fail2ban's is a rule of the kernel beside each of them.
  await onHost('fail2ban-client set sshd banip 203.0.113.9');
  const inKernel = 'iptables-save 2>/dev/null; ! command -v nft >/dev/null || nft list ruleset';
  await expect.poll(() => onHost(inKernel), { timeout: 30_000 }).toContain('203.0.113.9');
  await onHost('fail2ban-client set sshd unbanip 203.0.113.9');
  await lab.reboot(index);
  await look('reboot', null);
  const second = await init();
  expect([second.error, second.state]).toEqual([null, 'ready']);
  await look('second init', second);
  const last = await uninstall();
  expect(last.error).toBeNull();
  await look('uninstall', last);
  await lab.reboot(index);
  await look('reboot', null);
});
