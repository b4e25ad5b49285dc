import { expect, it } from 'vitest';
import type { HistoryHead } from '../../hostside/protocol/host.ts';
import { checkupFindings, type HostCheckup, parseCheckup } from '../../src/facts/host-checkup.ts';

const well: HostCheckup = {
  ...{
    failedUnits: [],
    openPorts: [],
    reachesTelegram: true,
    needsReboot: false,
    inodesUsedRatio: 0.06,
  },
  ...{
    deniesMetadata: true,
    refusedPackets: 0,
    chronyOffsetSeconds: null,
    narrowSudo: null,
    authority: null,
    overLimit: [],
  },
};

const hash = 'a'.repeat(64);
const heard = (heads: readonly HistoryHead[]): Partial<HostCheckup> => ({
  authority: { id: 'one', heads },
});

const healthy = `listen 0.0.0.0:22 users:(("sshd",pid=211,fd=3))
listen [::]:22 users:(("sshd",pid=211,fd=4))
listen 127.0.0.53%lo:53 users:(("systemd-resolve",pid=100,fd=14))
listen [::1]:631 users:(("cupsd",pid=7,fd=6))
inodes overlay 1000000 60000 940000 6% /
enforced
telegram
`;

it.each<[string, string, Partial<HostCheckup>]>([
  ['a healthy host', healthy, {}],
  ['ssh on a socket of systemd', healthy.replaceAll('"sshd",pid=211', '"systemd",pid=1'), {}],
  ['ssh on another port', healthy.replaceAll(':22 ', ':2222 '), {}],
  [
    'a socket of systemd for ssh on another port',
    'ssh-socket 0.0.0.0:2222\nssh-socket ' +
      `[::]:2222\n${healthy.replaceAll('"sshd",pid=211', '"systemd",pid=1').replaceAll(':22 ', ':2222 ')}`,
    {},
  ],
  [
    'another socket of systemd',
    `ssh-socket 0.0.0.0:2222\nlisten *:2223 users:(("systemd",pid=1,fd=20))\n${healthy}`,
    { openPorts: ['*:2223 systemd'] },
  ],
  [
    'a chrony with its servers',
    `chrony A29FC801,192.0.2.1,3,1764487000.1,-4.25,0.1\n${healthy}`,
    { chronyOffsetSeconds: -4.25 },
  ],
  ['a chrony that has heard nobody', `chrony 00000000,,0,0.0,0.000000000,0\n${healthy}`, {}],
  ['a chrony on its own clock', `chrony 7F7F0101,,8,1764487000.1,0.000000000,0\n${healthy}`, {}],
  ['no chrony', `chrony\n${healthy}`, {}],
  [
    'units that have failed',
    `failed nginx.service\nfailed fleet-hold.service\n${healthy}`,
    { failedUnits: ['nginx.service', 'fleet-hold.service'] },
  ],
  ['accounts that have ended for good', `failed fleet-account@f5c9.service\n${healthy}`, {}],
  [
    'a database for everybody',
    `listen *:3306 users:(("mariadbd",pid=9,fd=20))\n${healthy}`,
    { openPorts: ['*:3306 mariadbd'] },
  ],
  [
    'a socket of the kernel',
    `listen 0.0.0.0:2049\n${healthy}`,
    { openPorts: ['0.0.0.0:2049 unknown program'] },
  ],
  ['no way to Telegram', healthy.replace('telegram\n', ''), { reachesTelegram: false }],
  ['a reboot that waits', `reboot\n${healthy}`, { needsReboot: true }],
  ['many small files', healthy.replace('6%', '97%'), { inodesUsedRatio: 0.97 }],
  [
    'a kernel that does not enforce IPAddressDeny',
    healthy.replace('enforced\n', ''),
    { deniesMetadata: false },
  ],
  [
    'the packet filter instead',
    healthy.replace('enforced\n', 'filter\nrefused 7\n'),
    { refusedPackets: 7 },
  ],
  ["a login user's sudo", `sudo wide\n${healthy}`, { narrowSudo: 'wide' }],
  [
    'an account over a limit that came later',
    `over anna has had much\n${healthy}`,
    { overLimit: ['anna has had much'] },
  ],
  [
    'more of them than a host has',
    `${'over x\n'.repeat(60)}${healthy}`,
    { overLimit: Array(50).fill('x') },
  ],
  ['a word for it that is none', `sudo everything\n${healthy}`, {}],
  [
    'whom it obeys',
    `authority {"id":"one","heads":[{"length":7,"hash":"${hash}"}]}\n${healthy}`,
    heard([{ length: 7, hash }]),
  ],
  [
    'heads that are none',
    `authority {"id":"one","heads":[{"length":-1,"hash":"x"}]}\n${healthy}`,
    heard([]),
  ],
  [
    'heads without end',
    `authority {"id":"one","heads":${JSON.stringify(Array(65).fill({ length: 7, hash }))}` +
      `}\n${healthy}`,
    heard([]),
  ],
  [
    'a ledger of before',
    `authority {"id":"one","serial":4}\n${healthy}`,
    { authority: { id: 'one', serial: 4, heads: [] } },
  ],
  ['a serial that is none', `authority {"id":"one","serial":-4}\n${healthy}`, heard([])],
  ['half a record', `authority {"id":"one\n${healthy}`, {}],
  ['a file system without inodes', healthy.replace('6%', '-'), { inodesUsedRatio: null }],
])('reads %s', (_, stdout, expected) => {
  expect(parseCheckup(stdout)).toEqual({ ...well, ...expected });
});

it.each<[Partial<HostCheckup>, string[]]>([
  [{}, []],
  [{ inodesUsedRatio: null }, []],
  [
    { failedUnits: ['nginx.service', 'fleet-agent.service'] },
    ['warning: nginx.service has failed', 'critical: fleet-agent.service has failed'],
  ],
  [{ openPorts: ['*:3306 mariadbd'] }, ['warning: it listens on *:3306 mariadbd']],
  [{ chronyOffsetSeconds: -2 }, []],
  [{ overLimit: ['anna has had much'] }, ['warning: anna has had much']],
  [{ chronyOffsetSeconds: -400.04 }, ['critical: its clock is off by -400.0 s, as chrony finds']],
  [{ reachesTelegram: false }, ['critical: it cannot reach Telegram']],
  [
    { deniesMetadata: false },
    [
      expect.stringMatching(
        /^warning: its accounts can reach the metadata service/,
      ) as unknown as string,
    ],
  ],
  [{ refusedPackets: 3 }, ['warning: 3 packets of its accounts were refused since its boot']],
  [{ narrowSudo: 'narrow' }, []],
  [
    { narrowSudo: 'wide' },
    [
      'critical: ssh.sudo is narrow, but the login user may still do everything by sudo ' +
        'without a password',
    ],
  ],
  [{ narrowSudo: 'broken' }, ["critical: sudo does not let the login user run fleet's helper"]],
  [{ needsReboot: true }, ['warning: an upgrade waits for a reboot']],
  [{ inodesUsedRatio: 0.97 }, ['critical: 97 % of its files are used up']],
])('finds what is wrong with %j, and says what to do', (over, expected) => {
  const found = checkupFindings('h1', { ...well, ...over });
  expect(found.map(({ level, text }) => `${level}: ${text}`)).toEqual(expected);
  for (const { where, remedy } of found)
    expect([where, remedy]).toEqual(['h1', expect.stringMatching(/./)]);
});
