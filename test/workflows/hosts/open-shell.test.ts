import { expect, it } from 'vitest';
import type { SshSettings } from '../../../src/model/inventory.ts';
import type { HostName } from '../../../src/model/names.ts';
import { resolveSshTarget } from '../../../src/remote/config/ssh-target.ts';
import { sshArguments } from '../../../src/workflows/hosts/open-shell.ts';

const around = {
  homeDirectory: '/home/op',
  localUser: 'op',
  agentSocket: null,
  knownHosts: '/a b',
  machine: { hostName: 'laptop', userId: 1000, environment: {}, workingDirectory: '/' },
};
const ssh: SshSettings = {
  address: '192.0.2.1',
  user: 'ubuntu',
  port: 2222,
  identityFiles: ['/k'],
  hostKeys: [],
  password: null,
  passphrase: null,
  sudoPassword: null,
  sudo: 'full',
  initUser: null,
  transport: 'ssh2',
  connectTimeoutMs: 1,
  commandTimeoutMs: 1,
};

it('hands OpenSSH the same destination and insists on the host key', () => {
  const line = (keyword: string, value: string) => ({
    keyword,
    argument: value,
    values: [value],
    source: 'f:1',
    included: [],
  });
  const config = [
    [
      line('userknownhostsfile', '/c'),
      line('globalknownhostsfile', 'none'),
      line('identitiesonly', 'yes'),
      line('hostname', '10.0.0.9'),
    ],
  ];
  const target = resolveSshTarget({ name: 'h1' as HostName, ssh }, config, around);
  expect(sshArguments(target).join(' ')).toBe(
    '-o StrictHostKeyChecking=yes -o UserKnownHostsFile="/a b" "/c" -i /k -o ' +
      'IdentitiesOnly=yes -p 2222 -l ubuntu -- 192.0.2.1',
  );
  expect(target.address).toBe('10.0.0.9');
});
