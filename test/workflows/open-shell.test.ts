import { expect, it } from 'vitest';
import type { SshTarget } from '../../src/remote/ssh-target.ts';
import { sshArguments } from '../../src/workflows/open-shell.ts';

const target: SshTarget = {
  host: 'h1',
  keyName: 'h1.example',
  address: '192.0.2.1',
  port: 2222,
  user: 'ubuntu',
  family: 0,
  identityFiles: ['/k'],
  identitiesExplicit: true,
  identitiesOnly: true,
  agentSocket: null,
  knownHostsFiles: ['/a b', '/c'],
  pins: [],
  password: null,
  passphrase: null,
  sudoPassword: null,
  connectTimeoutMs: 1,
  commandTimeoutMs: 1,
  jumps: [],
  warnings: [],
  unused: [],
};

it('hands OpenSSH the same target and insists on the host key', () => {
  expect(sshArguments(target).join(' ')).toBe(
    '-o StrictHostKeyChecking=yes -o HostKeyAlias=h1.example -o UserKnownHostsFile="/a b" "/c" -i /k -o IdentitiesOnly=yes -p 2222 -l ubuntu 192.0.2.1',
  );
  const jump = { ...target, address: '2001:db8::1', user: 'j', port: 22 };
  expect(sshArguments({ ...target, jumps: [jump] })).toContain('j@[2001:db8::1]:22');
});
