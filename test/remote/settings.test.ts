import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SshSettings } from '../../src/model/inventory.ts';
import type { HostName } from '../../src/model/names.ts';
import { readSshConfig } from '../../src/remote/ssh-config-file.ts';
import { evaluateSshOptions, type SshConfigLine } from '../../src/remote/ssh-options.ts';
import { resolveSshTarget, type SshTarget } from '../../src/remote/ssh-target.ts';

const around = { homeDirectory: '/home/op', localUser: 'op', agentSocket: '/run/agent', knownHosts: '/fleet/known_hosts' };
const bare: SshSettings = {
  address: null,
  user: null,
  port: null,
  identityFiles: [],
  hostKeys: [],
  password: null,
  passphrase: null,
  sudoPassword: null,
  connectTimeoutMs: 1000,
  commandTimeoutMs: 1000,
};

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'fleet-config-'));
  await mkdir(join(home, '.ssh', 'conf.d'), { recursive: true });
});
afterAll(() => rm(home, { recursive: true, force: true }));

let files = 0;
async function parsed(text: string): Promise<SshConfigLine[]> {
  const file = join(home, '.ssh', `config-${files++}`);
  await writeFile(file, text);
  return readSshConfig([file, join(home, 'missing')], home);
}
const target = async (text: string, ssh: Partial<SshSettings> = {}, name = 'eu-1'): Promise<SshTarget> =>
  resolveSshTarget({ name: name as HostName, ssh: { ...bare, ...ssh } }, await parsed(text), around);

describe('how a host is reached', () => {
  test('without a config: OpenSSH’s defaults', async () => {
    expect(await target('')).toMatchObject({
      address: 'eu-1',
      keyName: 'eu-1',
      port: 22,
      user: 'op',
      family: 0,
      identityFiles: ['/home/op/.ssh/id_ed25519', '/home/op/.ssh/id_ecdsa', '/home/op/.ssh/id_rsa'],
      identitiesExplicit: false,
      agentSocket: '/run/agent',
      jumps: [],
      warnings: [],
      unused: [],
    });
  });

  const cases: [string, string, Partial<SshSettings>, Partial<SshTarget>][] = [
    ['the first value wins', 'Host eu-*\n User a\n Port 23\nHost *\n User b\n', {}, { user: 'a', port: 23 }],
    ['the inventory wins over the config', 'User a\nPort 23\n', { user: 'inv', port: 24 }, { user: 'inv', port: 24 }],
    ['keywords in any case, with =', 'host EU-1 eu-1\nhostname=10.0.0.1\nPORT = 2022\n', {}, { address: '10.0.0.1', port: 2022 }],
    ['%h in HostName', 'HostName %h.example.net\n', {}, { address: 'eu-1.example.net', keyName: 'eu-1.example.net' }],
    ['an exclusion beats its own line', 'Host * !eu-1\n User no\nHost *\n User yes\n', {}, { user: 'yes' }],
    ['a wildcard of one character', 'Host eu-?\n User one\n', {}, { user: 'one' }],
    ['a wildcard of one character is not none', 'Host eu-1?\n User one\n', {}, { user: 'op' }],
    [
      'IdentityFile adds up, ~ and % expand',
      'IdentityFile ~/a\nHost eu-1\n IdentityFile %d/%r-%h\n User u\n',
      {},
      { identityFiles: ['/home/op/a', '/home/op/u-eu-1'] },
    ],
    [
      'identities of the inventory replace the config’s',
      'IdentityFile ~/a\n',
      { identityFiles: ['/k'] },
      { identityFiles: ['/k'], identitiesExplicit: true },
    ],
    ['IdentityAgent none', 'IdentityAgent none\n', {}, { agentSocket: null }],
    ['HostKeyAlias', 'HostKeyAlias alias\nHostName 10.0.0.9\n', {}, { keyName: 'alias', address: '10.0.0.9' }],
    ['AddressFamily', 'AddressFamily inet6\n', {}, { family: 6 }],
    [
      'the inventory’s address is what is looked up',
      'Host 10.0.0.1\n User byaddress\nHost eu-1\n User byname\n',
      { address: '10.0.0.1' },
      { user: 'byaddress' },
    ],
    ['Match host sees the HostName', 'HostName 10.0.0.1\nMatch host 10.*\n User m\n', {}, { user: 'm' }],
    ['Match originalhost and user', 'Match originalhost eu-1 user op\n Port 99\n', {}, { port: 99 }],
    ['Match with a negation', 'Match !host eu-1\n Port 99\n', {}, { port: 22 }],
    ['Match all', 'Match all\n Port 98\n', {}, { port: 98 }],
    [
      'two known_hosts files',
      'UserKnownHostsFile ~/k1 ~/k2\nGlobalKnownHostsFile none\n',
      {},
      { knownHostsFiles: ['/fleet/known_hosts', '/home/op/k1', '/home/op/k2'] },
    ],
    ['ProxyJump none', 'ProxyJump none\n', {}, { jumps: [] }],
    ['ProxyCommand none', 'ProxyCommand none\n', {}, { jumps: [] }],
  ];
  test.each(cases)('%s', async (_, text, ssh, expected) => {
    expect(await target(text, ssh)).toMatchObject(expected);
  });

  test('jumps are looked up themselves, keep their own user, and get no secret of the host behind', async () => {
    const text = 'Host bastion\n HostName 10.9.9.9\n User jumper\n ProxyJump none\nHost *\n ProxyJump bastion,root@[2001:db8::1]:2222\n';
    const found = await target(text.replace('Host *', 'Host eu-1'), {
      user: 'u',
      password: { kind: 'env', target: 'P' },
      hostKeys: ['SHA256:x'],
    });
    expect(found.jumps.map(({ address, port, user, password, pins }) => [address, port, user, password, pins])).toEqual([
      ['10.9.9.9', 22, 'jumper', null, []],
      ['2001:db8::1', 2222, 'root', null, []],
    ]);
  });

  const refused: [string, string, string][] = [
    ['ProxyCommand', 'ProxyCommand nc %h %p\n', 'ProxyCommand'],
    ['a jump through itself', 'ProxyJump a\n', 'ProxyJump'],
    ['a port that is none', 'Port ssh\n', 'port ssh'],
  ];
  test.each(refused)('%s is ssh-config', async (_, text, words) => {
    await expect(target(text)).rejects.toMatchObject({ code: 'ssh-config', message: expect.stringContaining(words) });
  });

  test('Include: relative, by pattern in order, inside a block, and a loop is named', async () => {
    await writeFile(join(home, '.ssh', 'conf.d', 'b.conf'), 'User late\nPort 31\n');
    await writeFile(join(home, '.ssh', 'conf.d', 'a.conf'), 'User early\n');
    expect(await target('Include conf.d/*.conf\n')).toMatchObject({ user: 'early', port: 31 });
    expect(await target('Host other\n Include conf.d/*.conf\nHost *\n User mine\n')).toMatchObject({ user: 'mine', port: 22 });
    await writeFile(join(home, '.ssh', 'loop'), 'Include loop\n');
    await expect(target('Include loop\n')).rejects.toMatchObject({ code: 'ssh-config' });
  });
});

describe('OpenSSH itself reads the same', () => {
  const texts = [
    'Host eu-*\n User a\n Port 23\nHost *\n User b\n',
    'Host * !eu-1\n User no\nHost *\n User yes\n',
    'hostname=10.0.0.1\nPORT = 2022\nUser "quoted"\n',
    'HostName %h.example.net\nIdentityFile /keys/%r\nUser u\n',
    'HostName 10.0.0.1\nMatch host 10.*\n User m\nMatch originalhost eu-? !user m\n Port 99\n',
    'Host other eu-1\n Port 31\nMatch all\n Port 98\n User late\n',
  ];
  test.each(texts)('%j', async (text) => {
    const file = join(home, '.ssh', `config-${files++}`);
    await writeFile(file, text, { mode: 0o600 });
    const said = execFileSync('ssh', ['-T', '-G', '-F', file, 'eu-1'], { encoding: 'utf8' });
    const theirs = (key: string) => said.split('\n').flatMap((line) => (line.startsWith(`${key} `) ? [line.slice(key.length + 1)] : []));
    const ours = resolveSshTarget({ name: 'eu-1' as HostName, ssh: bare }, await readSshConfig([file], home), {
      ...around,
      localUser: userInfo().username,
    });
    expect([ours.address, ours.user, String(ours.port)]).toEqual(['hostname', 'user', 'port'].map((key) => theirs(key)[0]));
    if (ours.identitiesExplicit) expect(ours.identityFiles).toEqual(theirs('identityfile').map((path) => path.replace('%r', ours.user)));
  });
});

describe('what is not supported is named', () => {
  test('what fleet does without is listed apart: nobody is warned of the defaults of a distribution', async () => {
    const text =
      'Host other\n Compression yes\nHost *\n SendEnv LANG LC_*\n HashKnownHosts yes\n GSSAPIAuthentication yes\n RemoteCommand top\n Port 22\n';
    const { warnings, unused } = evaluateSshOptions(await parsed(text), 'eu-1', null, 'op');
    expect(warnings).toEqual([]);
    expect(unused).toEqual(['sendenv', 'hashknownhosts', 'gssapiauthentication', 'remotecommand']);
  });

  const warned: [string, string[]][] = [
    ['Ciphers aes128-ctr\n', ['ciphers']],
    ['StrictHostKeyChecking no\n', ['always verified']],
    ['StrictHostKeyChecking ask\nServerAliveInterval 5\nForwardAgent yes\nSendEnv LANG\n', []],
    ['Match exec "true"\n User x\n', ['Match exec']],
    ['Host other\n Ciphers aes128-ctr\n', []],
    ['SetEnv A=b\nVerifyHostKeyDNS yes\nLocalCommand true\n', ['setenv', 'verifyhostkeydns', 'localcommand']],
    ['CertificateFile ~/c\nBindAddress 10.0.0.1\n', ['certificatefile', 'bindaddress']],
  ];
  test.each(warned)('%j', async (text, words) => {
    const { warnings } = evaluateSshOptions(await parsed(text), 'eu-1', null, 'op');
    expect(warnings.length).toBe(words.length);
    for (const [index, word] of words.entries()) expect(warnings[index]).toContain(word);
  });
});
