import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SshSettings } from '../../../src/model/inventory.ts';
import type { HostName } from '../../../src/model/names.ts';
import { readSshConfig } from '../../../src/remote/config/ssh-config-file.ts';
import { evaluateSshOptions, type SshOptions } from '../../../src/remote/config/ssh-options.ts';
import {
  resolveSshTarget,
  type SshConfig,
  type SshTarget,
} from '../../../src/remote/config/ssh-target.ts';

const around = {
  homeDirectory: '/home/op',
  localUser: 'op',
  agentSocket: '/run/agent',
  knownHosts: '/fleet/known_hosts',
  machine: {
    hostName: 'laptop.example',
    userId: 1000,
    environment: { KEYS: '/keys' },
    workingDirectory: '/here',
  },
};
const bare: SshSettings = {
  address: null,
  user: null,
  port: null,
  identityFiles: [],
  hostKeys: [],
  password: null,
  passphrase: null,
  sudoPassword: null,
  sudo: 'full',
  initUser: null,
  transport: 'ssh2',
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
async function parsed(text: string): Promise<SshConfig> {
  const file = join(home, '.ssh', `config-${files++}`);
  await writeFile(file, text);
  return readSshConfig([file, join(home, 'missing')], home);
}
const target = async (
  text: string,
  ssh: Partial<SshSettings> = {},
  name = 'eu-1',
): Promise<SshTarget> =>
  resolveSshTarget(
    { name: name as HostName, ssh: { ...bare, ...ssh } },
    await parsed(text),
    around,
  );

describe('how a host is reached', () => {
  test('without a config: OpenSSH’s defaults', async () => {
    expect(await target('')).toMatchObject({
      address: 'eu-1',
      keyName: 'eu-1',
      port: 22,
      user: 'op',
      family: 0,
      identityFiles: ['/home/op/.ssh/id_rsa', '/home/op/.ssh/id_ecdsa', '/home/op/.ssh/id_ed25519'],
      identitiesExplicit: false,
      agentSocket: '/run/agent',
      jumps: [],
      warnings: [],
      unused: [],
    });
  });

  const cases: [string, string, Partial<SshSettings>, Partial<SshTarget>][] = [
    [
      'the first value wins',
      'Host eu-*\n User a\n Port 23\nHost *\n User b\n',
      {},
      { user: 'a', port: 23 },
    ],
    [
      'the inventory wins over the config',
      'User a\nPort 23\n',
      { user: 'inv', port: 24 },
      { user: 'inv', port: 24 },
    ],
    [
      'keywords in any case, with =',
      'host EU-1 eu-1\nhostname=10.0.0.1\nPORT = 2022\n',
      {},
      { address: '10.0.0.1', port: 2022 },
    ],
    [
      '%h in HostName',
      'HostName %h.example.net\n',
      {},
      { address: 'eu-1.example.net', keyName: 'eu-1.example.net' },
    ],
    [
      'an exclusion beats its own line',
      'Host * !eu-1\n User no\nHost *\n User yes\n',
      {},
      { user: 'yes' },
    ],
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
    [
      'HostKeyAlias',
      'HostKeyAlias alias\nHostName 10.0.0.9\n',
      {},
      { keyName: 'alias', address: '10.0.0.9' },
    ],
    [
      'HostKeyAlias knows no port',
      'HostKeyAlias Alias\nPort 2222\n',
      {},
      { keyName: 'alias', otherKeyName: '[alias]:2222' },
    ],
    [
      'a port is part of the name',
      'Port 2222\n',
      { address: 'EU-1' },
      { keyName: '[eu-1]:2222', otherKeyName: 'eu-1' },
    ],
    [
      'a variable and tokens in a path',
      `IdentityFile \${KEYS}/%n-%L-%i\nHostName 10.0.0.9\n`,
      {},
      { identityFiles: ['/keys/eu-1-laptop-1000'] },
    ],
    ['a relative path is from here', 'IdentityFile key\n', {}, { identityFiles: ['/here/key'] }],
    [
      'IdentityFile none',
      'IdentityFile none\n',
      {},
      { identityFiles: [], identitiesExplicit: true },
    ],
    ['true is yes', 'IdentitiesOnly true\n', {}, { identitiesOnly: true }],
    [
      'methods in the order of the config',
      'PreferredAuthentications password,publickey\n',
      {},
      { authMethods: ['password', 'publickey'] },
    ],
    [
      'a method that is switched off',
      'PasswordAuthentication no\n',
      {},
      { authMethods: ['publickey', 'keyboard-interactive'] },
    ],
    ['BindAddress', 'BindAddress 10.0.0.99\n', {}, { bindAddress: '10.0.0.99' }],
    ['IdentityAgent by variable', 'IdentityAgent $KEYS\n', {}, { agentSocket: '/keys' }],
    [
      'ProxyCommand none leaves no place for a jump',
      'ProxyCommand none\nProxyJump bastion\n',
      {},
      { jumps: [] },
    ],
    [
      'a match of the second reading',
      'Match final host 10.*\n Port 99\nMatch all\n HostName 10.0.0.1\n',
      {},
      { port: 99 },
    ],
    ['AddressFamily', 'AddressFamily inet6\n', {}, { family: 6 }],
    [
      'the inventory’s address is what is looked up',
      'Host 10.0.0.1\n User byaddress\nHost eu-1\n User byname\n',
      { address: '10.0.0.1' },
      { user: 'byaddress' },
    ],
    [
      'Match host sees the HostName',
      'HostName 10.0.0.1\nMatch host 10.*\n User m\n',
      {},
      { user: 'm' },
    ],
    [
      'Match originalhost and user',
      'Match originalhost eu-1 user op\n Port 99\n',
      {},
      { port: 99 },
    ],
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
    const text =
      'Host bastion\n HostName 10.9.9.9\n User jumper\n ProxyJump none\nHost *\n ' +
      'ProxyJump bastion,root@[2001:db8::1]:2222\n';
    const found = await target(text.replace('Host *', 'Host eu-1'), {
      user: 'u',
      password: { kind: 'env', target: 'P' },
      hostKeys: ['SHA256:x'],
    });
    expect(
      found.jumps.map(({ address, port, user, password, pins }) => [
        address,
        port,
        user,
        password,
        pins,
      ]),
    ).toEqual([
      ['10.9.9.9', 22, 'jumper', null, []],
      ['2001:db8::1', 2222, 'root', null, []],
    ]);
  });

  test('a way out of the jump for all, above it, holds for the jump host itself', async () => {
    const text = 'Host bastion\n ProxyCommand none\nHost *\n ProxyJump bastion\n';
    expect((await target(text)).jumps.map(({ address }) => address)).toEqual(['bastion']);
    expect(
      (await target('Host eu-1\n ProxyJump a,b,c\nHost b c\n ProxyJump elsewhere\n')).jumps.map(
        ({ address }) => address,
      ),
    ).toEqual(['a', 'b', 'c']);
  });

  const refused: [string, string, string][] = [
    ['ProxyCommand', 'ProxyCommand nc %h %p\n', 'ProxyCommand'],
    ['a jump through itself', 'ProxyJump a\n', 'ProxyJump'],
    ['a port that is none', 'Port ssh\n', 'port ssh'],
    ['a variable that is not set', `IdentityFile \${NONE}/k\n`, 'NONE'],
    ['a token that has no meaning', 'HostName %p\n', '%p'],
    ['Match exec that decides', 'Match exec "true"\n User x\n', 'Match exec is not supported'],
    ['a domain that a name server decides', 'CanonicalizeHostname yes\n', 'CanonicalizeHostname'],
    ['an interface', 'BindInterface eth0\n', 'bindinterface'],
    [
      'only algorithms that fleet has not',
      'KexAlgorithms sntrup761x25519-sha512@openssh.com\n',
      'KexAlgorithms',
    ],
    ['a value that is none', 'IdentitiesOnly maybe\n', 'maybe'],
    ['a quote without an end', 'User "x\n', 'quote'],
    ['a value too much', 'User a b\n', '"b"'],
  ];
  test.each(refused)('%s is ssh-config', async (_, text, words) => {
    await expect(target(text)).rejects.toMatchObject({
      code: 'ssh-config',
      message: expect.stringContaining(words),
      hint: expect.stringMatching(/\w/),
    });
  });

  test('Include: relative, by pattern in order, inside a block, and a loop is named', async () => {
    await writeFile(join(home, '.ssh', 'conf.d', 'b.conf'), 'User late\nPort 31\n');
    await writeFile(join(home, '.ssh', 'conf.d', 'a.conf'), 'User early\n');
    expect(await target('Include conf.d/*.conf\n')).toMatchObject({ user: 'early', port: 31 });
    expect(await target('Host other\n Include conf.d/*.conf\nHost *\n User mine\n')).toMatchObject({
      user: 'mine',
      port: 22,
    });
    await mkdir(join(home, '.ssh', 'conf.d', 'folder'), { recursive: true });
    expect(await target('Include conf.d/*\n')).toMatchObject({ user: 'early', port: 31 });
    expect(await target(`Include ~/.ssh/conf.d/[!b]*\n`)).toMatchObject({
      user: 'early',
      port: 22,
    });
    await writeFile(join(home, '.ssh', 'loop'), 'Include loop\n');
    await expect(target('Include loop\n')).rejects.toMatchObject({ code: 'ssh-config' });
  });
});

describe('what is not supported is named', () => {
  const optionsOf = async (text: string): Promise<SshOptions> =>
    evaluateSshOptions(await parsed(text), {
      destination: 'eu-1',
      user: null,
      port: null,
      jump: null,
      localUser: 'op',
    });

  test('what fleet does without is listed apart: nobody is warned of the defaults of a distribution', async () => {
    const text =
      'Host other\n Compression yes\nHost *\n SendEnv LANG LC_*\n HashKnownHosts yes\n ' +
      'GSSAPIAuthentication yes\n RemoteCommand top\n Port 22\n';
    const { warnings, unused } = await optionsOf(text);
    expect(warnings).toEqual([]);
    expect(unused).toEqual(['sendenv', 'hashknownhosts', 'gssapiauthentication', 'remotecommand']);
  });

  const warned: [string, string[]][] = [
    ['StrictHostKeyChecking no\n', ['ignored ssh_config options: stricthostkeychecking no']],
    ['StrictHostKeyChecking ask\nServerAliveInterval 5\nForwardAgent yes\nSendEnv LANG\n', []],
    ['Match exec "true"\n SendEnv X\n', []],
    ['User x\nMatch exec "true"\n User y\n', []],
    ['Match host other exec "true"\n User x\n', []],
    [
      'SetEnv A=secret\nVerifyHostKeyDNS yes\nHost other\n RequiredRSASize 4096\n',
      ['ignored ssh_config options: setenv, verifyhostkeydns yes'],
    ],
    ['Nonsense 1\n', ['ssh_config options that fleet does not know: nonsense']],
    ['IgnoreUnknown non*\nNonsense 1\n', []],
  ];
  test.each(warned)('%j', async (text, words) => {
    expect((await optionsOf(text)).warnings).toEqual(words);
  });

  test('files that include others again and again, and one without end, are refused soon', async () => {
    const folder = join(home, '.ssh', 'tower');
    await mkdir(folder);
    for (let level = 0; level < 16; level += 1)
      await writeFile(
        join(folder, `${level}`),
        level === 15 ? 'User x\n'.repeat(1_000) : `Include tower/${level + 1} tower/${level + 1}\n`,
        { mode: 0o600 },
      );
    const file = join(home, '.ssh', 'top');
    await writeFile(file, 'Include tower/0\n');
    const refused = {
      code: 'ssh-config',
      message: expect.stringMatching(/more than \d+ files or \d+ bytes$/),
    };
    await expect(readSshConfig([file], home)).rejects.toMatchObject(refused);
    await expect(readSshConfig(['/dev/zero'], home)).rejects.toMatchObject(refused);
    expect(await readSshConfig(['/dev/null'], home)).toEqual([[]]);
  });

  test('a file of somebody else is not followed, as OpenSSH does not', async () => {
    const file = join(home, '.ssh', 'config');
    await writeFile(file, 'User x\n');
    await chmod(file, 0o664);
    await expect(readSshConfig([file], home)).rejects.toMatchObject({
      code: 'ssh-config',
      hint: expect.stringContaining('chmod go-w'),
    });
    await chmod(file, 0o600);
    expect((await readSshConfig([file], home)).flat().length).toBe(1);
  });
});
