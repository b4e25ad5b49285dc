/** Whether ufw's rules let this very peer in, and what a host's firewall is. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { quoteShell } from '../../src/remote/shared/shell-command.ts';
import { runLibrary, scratch } from './run-library.ts';

const tuple = (text: string): string =>
  `### tuple ### ${text}\n-A ufw-user-input -p tcp -j ACCEPT\n`;
interface Case {
  readonly rules: readonly string[];
  readonly peer?: string;
  readonly port?: number;
  readonly defaults?: string;
}
async function verdict({
  rules,
  peer = '192.0.2.1',
  port = 22,
  defaults = '',
}: Case): Promise<string> {
  const root = scratch();
  mkdirSync(`${root}/ufw`);
  writeFileSync(
    `${root}/ufw/${peer.includes(':') ? 'user6' : 'user'}.rules`,
    `*filter\n${rules.map(tuple).join('')}`,
  );
  writeFileSync(`${root}/defaults`, defaults);
  const peerIs =
    `SSH_PEER=${quoteShell(peer)} SSH_LOCAL=10.77.0.11 SSH_PORT=${port} DEVICE=eth0 ` +
    `UFW_DEFAULTS=${root}/defaults`;
  const run = await runLibrary(
    `${peerIs}; ufw_verdict ${port}; ufw_opening ${port}; printf '%s|%s' "$VERDICT" "$OPENING" >&3`,
    root,
  );
  return run.stdout;
}
const any = '0.0.0.0/0';

describe('a new connection of this peer', () => {
  it.each<[string, Case, 'allow' | 'deny' | 'none']>([
    ['is let in by the port', { rules: [`allow tcp 22 ${any} any ${any} in`] }, 'allow'],
    ['is let in by a limit', { rules: [`limit tcp 22 ${any} any ${any} in`] }, 'allow'],
    ['is let in by its address', { rules: [`allow tcp 22 ${any} any 192.0.2.1 in`] }, 'allow'],
    ['is let in by its network', { rules: [`allow any any ${any} any 192.0.0.0/16 in`] }, 'allow'],
    [
      'is let in by an odd mask',
      { rules: [`allow any any ${any} any 192.0.2.0/255.255.255.0 in`] },
      'allow',
    ],
    [
      'is let in by an application',
      { rules: [`allow tcp 22 ${any} any ${any} OpenSSH - in`] },
      'allow',
    ],
    [
      'is let in by a list of ports',
      { rules: [`allow tcp 80,2222 ${any} any ${any} in`], port: 2222 },
      'allow',
    ],
    [
      'is let in by a range',
      { rules: [`allow tcp 2000:3000 ${any} any ${any} in`], port: 2222 },
      'allow',
    ],
    [
      'is let in by a rule with log and comment',
      { rules: [`allow_log any 22 ${any} any ${any} in comment=68616c6c6f`] },
      'allow',
    ],
    ['is let in on its device', { rules: [`allow tcp 22 ${any} any ${any} in_eth0`] }, 'allow'],
    [
      'is let in at the address that it reached',
      { rules: [`allow tcp 22 10.77.0.11 any ${any} in`] },
      'allow',
    ],
    [
      'is let in by the policy',
      { rules: [], defaults: 'DEFAULT_INPUT_POLICY="ACCEPT"\n' },
      'allow',
    ],
    [
      'over IPv6',
      { rules: ['allow any 22 ::/0 any 2001:db8::/32 in'], peer: '2001:db8:1::5' },
      'allow',
    ],
    [
      'over IPv6, link-local',
      { rules: ['allow any 22 ::/0 any fe80::/10 in'], peer: 'fe80::1%eth0' },
      'allow',
    ],
    ['another address is meant', { rules: [`allow tcp 22 ${any} any 203.0.113.4 in`] }, 'none'],
    ['another network is meant', { rules: [`allow tcp 22 ${any} any 192.0.2.128/25 in`] }, 'none'],
    ['another port is meant', { rules: [`allow tcp 22 ${any} any ${any} in`], port: 2222 }, 'none'],
    ['another protocol is meant', { rules: [`allow udp 22 ${any} any ${any} in`] }, 'none'],
    ['another device is meant', { rules: [`allow tcp 22 ${any} any ${any} in_wg0`] }, 'none'],
    [
      'another address of the host is meant',
      { rules: [`allow tcp 22 10.9.9.9 any ${any} in`] },
      'none',
    ],
    [
      'a port of the other side is meant',
      { rules: [`allow tcp 22 ${any} 1024 ${any} in`] },
      'none',
    ],
    [
      'what goes out or through is no matter',
      {
        rules: [
          `allow tcp 22 ${any} any ${any} out`,
          `route:allow any any ${any} any ${any} in_a!out_b`,
        ],
      },
      'none',
    ],
    [
      'another network of IPv6',
      { rules: ['allow any 22 ::/0 any 2001:db9::/32 in'], peer: '2001:db8:1::5' },
      'none',
    ],
    ['is shut out', { rules: [`deny tcp 22 ${any} any ${any} in`] }, 'deny'],
    ['is rejected', { rules: [`reject tcp 22 ${any} any 192.0.2.0/24 in`] }, 'deny'],
    [
      'is shut out before it is let in',
      { rules: [`deny any any ${any} any 192.0.2.0/24 in`, `allow tcp 22 ${any} any ${any} in`] },
      'deny',
    ],
    [
      'is let in before it is shut out',
      { rules: [`allow tcp 22 ${any} any ${any} in`, `deny any any ${any} any 192.0.2.0/24 in`] },
      'allow',
    ],
    [
      'another is shut out',
      {
        rules: [`deny any any ${any} any 198.51.100.0/24 in`, `allow tcp 22 ${any} any ${any} in`],
      },
      'allow',
    ],
    [
      'is shut out with all of IPv6',
      { rules: ['allow any 22 ::/0 any ::/0 in'], peer: '2001:db8::1', defaults: 'IPV6=no\n' },
      'deny',
    ],
  ])('%s', async (_name, case_, expected) =>
    expect((await verdict(case_)).split('|')[0]).toBe(expected),
  );

  it('is let in as narrowly as others are', async () => {
    expect(await verdict({ rules: [`allow tcp 22 ${any} any 203.0.113.4 in`] })).toBe(
      'none|from 192.0.2.1 to any port 22 proto tcp',
    );
    expect(await verdict({ rules: [`allow tcp 80 ${any} any ${any} in`] })).toBe('none|22/tcp');
  });
});

describe('rules by hand', () => {
  const hand = async (iptables: string, nft = ''): Promise<string> => {
    const tools =
      `iptables() { printf '%s\\n' ${quoteShell(iptables)}; }; ip6tables() { echo '-P INPUT ` +
      `ACCEPT'; }; nft() { printf '%s\\n' ${quoteShell(nft)}; }`;
    return (
      await runLibrary(`${tools}; rules_by_hand && printf yes >&3 || printf no >&3`, scratch())
    ).stdout;
  };
  const chain = (table: string, rule: string): string =>
    `table ${table} {\n\tchain input {\n\t\ttype filter hook input priority filter; policy ` +
    `accept;\n${rule}\t}\n}`;
  it.each([
    ['nothing', '-P INPUT ACCEPT', '', 'no'],
    [
      'what is left of ufw, and fail2ban',
      '-P INPUT ACCEPT\n-A INPUT -j ufw-before-input\n-A INPUT -p tcp -j f2b-sshd',
      '',
      'no',
    ],
    ['Docker and libvirt', '-P INPUT ACCEPT\n-A INPUT -j LIBVIRT_INP', chain('ip nat', ''), 'no'],
    [
      'fail2ban with nft',
      '-P INPUT ACCEPT',
      chain('inet f2b-table', '\t\ttcp dport 22 drop\n'),
      'no',
    ],
    ['a policy', '-P INPUT DROP', '', 'yes'],
    ['a rule', '-P INPUT ACCEPT\n-A INPUT -s 203.0.113.0/24 -j DROP', '', 'yes'],
    ['a rule of nft', '-P INPUT ACCEPT', chain('inet mine', '\t\ttcp dport 25 drop\n'), 'yes'],
    ['an empty chain of nft', '-P INPUT ACCEPT', chain('inet filter', ''), 'no'],
  ])('%s', async (_name, iptables, nft, expected) =>
    expect(await hand(iptables, nft)).toBe(expected),
  );
});

it.each([
  ['U[nftables.service.UnitFileState]=enabled', 'nftables'],
  ['U[netfilter-persistent.service.ActiveState]=active', 'netfilter-persistent'],
  [
    'U[firewalld.service.UnitFileState]=masked U[nftables.service.UnitFileState]=disabled ' +
      'U[nftables.service.ActiveState]=inactive',
    '',
  ],
])('another firewall: %s', async (units, expected) => {
  expect(
    (await runLibrary(`${units}; other_firewall; printf '%s' "$OTHER_FIREWALL" >&3`, scratch()))
      .stdout,
  ).toBe(expected);
});

describe('what apt would do', () => {
  const says = async (text: string): Promise<string> =>
    (
      await runLibrary(
        `apt-get() { printf '%s\\n' ${quoteShell(text)}; }; apt-mark() { echo libc6; }; ` +
          `simulate install ufw; printf '%s' "$FAIL_MESSAGE" >&3`,
        scratch(),
      )
    ).stdout;
  it.each([
    ['Inst ufw (0.36.2-1 Debian:12 [all])\nConf ufw (0.36.2-1 Debian:12 [all])', ''],
    [
      'Remv iptables-persistent [1.0.20]\nRemv netfilter-persistent [1.0.20]\nInst ufw (0.36.2-1)',
      'apt would remove iptables-persistent; netfilter-persistent',
    ],
    ['Purg exim4 [4.9]', 'apt would remove exim4'],
    ['Inst libssl3 [3.0.11-1] (3.0.15-1 Debian:12)', ''],
    [
      'Inst libssl3 [3.0.15-1+mine] (3.0.11-1 Debian:12)',
      'apt would set back libssl3 (3.0.15-1+mine to 3.0.11-1)',
    ],
    [
      'The following held packages will be changed:\n  libc6\nInst libc6 [2.36-8] (2.36-9 ' +
        'Debian:12)',
      'apt cannot do it with packages that are held: libc6',
    ],
  ])('%s', async (text, message) => expect(await says(text)).toBe(message));
});
