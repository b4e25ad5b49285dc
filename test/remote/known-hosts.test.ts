import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSshContext } from '../../src/remote/config/ssh-context.ts';
import { createSshRemote } from '../../src/remote/ssh/ssh-remote.ts';
import { makeKey, missingSshd, startSshd, surroundings, type TestSshd } from './sshd.ts';

/**
 * Real logins of fleet and of OpenSSH with the same files: both are let in, or neither trusts the
 * host.
 */
describe.skipIf(missingSshd !== null)('known_hosts, as OpenSSH reads them', () => {
  let sshd: TestSshd;
  let keys: Record<'own' | 'other', string>;
  beforeAll(async () => {
    sshd = await startSshd(['LogLevel ERROR']);
    makeKey(join(sshd.directory, 'other_host_key'));
    const keyOf = async (file: string) =>
      (await readFile(join(sshd.directory, `${file}.pub`), 'utf8'))
        .split(' ')
        .slice(0, 2)
        .join(' ');
    keys = { own: await keyOf('host_key'), other: await keyOf('other_host_key') };
  });
  afterAll(() => sshd.stop());

  interface Case {
    readonly name: string;
    /** `PORT`, `OWN` and `OTHER` are filled in. */
    readonly known: string;
    readonly second?: string;
    readonly config?: string;
    readonly hashed?: boolean;
    readonly trusted: boolean;
  }
  const cases: readonly Case[] = [
    { name: 'nothing', known: '', trusted: false },
    { name: 'the name with the port', known: '[127.0.0.1]:PORT OWN', trusted: true },
    {
      name: 'the bare name vouches where nothing is known with the port',
      known: '127.0.0.1 OWN',
      trusted: true,
    },
    {
      name: 'but not when another key is known with the port',
      known: '127.0.0.1 OWN\n[127.0.0.1]:PORT OTHER',
      trusted: false,
    },
    { name: 'another key under the bare name', known: '127.0.0.1 OTHER', trusted: false },
    { name: 'another port', known: '[127.0.0.1]:1 OWN', trusted: false },
    { name: 'hashed', known: '[127.0.0.1]:PORT OWN', hashed: true, trusted: true },
    { name: 'a pattern', known: '[127.0.*]:PORT OWN', trusted: true },
    { name: 'an exclusion', known: '[127.*,![127.0.0.1]:PORT OWN', trusted: false },
    { name: 'an alias', known: 'box OWN', config: 'HostKeyAlias Box', trusted: true },
    {
      name: 'an alias, hashed',
      known: 'box OWN',
      config: 'HostKeyAlias box',
      hashed: true,
      trusted: true,
    },
    {
      name: 'an alias does not look at the name',
      known: '[127.0.0.1]:PORT OWN',
      config: 'HostKeyAlias box',
      trusted: false,
    },
    { name: 'changed', known: '[127.0.0.1]:PORT OTHER', trusted: false },
    {
      name: 'one of two keys',
      known: '[127.0.0.1]:PORT OTHER\n[127.0.0.1]:PORT OWN',
      trusted: true,
    },
    { name: 'revoked', known: '[127.0.0.1]:PORT OWN\n@revoked * OWN', trusted: false },
    {
      name: 'another key is revoked',
      known: '[127.0.0.1]:PORT OWN\n@revoked * OTHER',
      trusted: true,
    },
    {
      name: 'revoked under the bare name only',
      known: '127.0.0.1 OWN\n@revoked 127.0.0.1 OWN',
      trusted: false,
    },
    { name: 'in the second file', known: '', second: '[127.0.0.1]:PORT OWN', trusted: true },
    {
      name: 'in the file of the system',
      known: '',
      second: '[127.0.0.1]:PORT OWN',
      config: 'UserKnownHostsFile DIR/known\nGlobalKnownHostsFile DIR/second',
      trusted: true,
    },
    {
      name: 'no file of the user',
      known: '[127.0.0.1]:PORT OWN',
      config: 'UserKnownHostsFile none',
      trusted: false,
    },
    {
      name: 'a list of revoked keys',
      known: '[127.0.0.1]:PORT OWN',
      second: 'OWN',
      config: 'RevokedHostKeys DIR/second',
      trusted: false,
    },
    {
      name: 'a list of other revoked keys',
      known: '[127.0.0.1]:PORT OWN',
      second: 'OTHER',
      config: 'RevokedHostKeys DIR/second',
      trusted: true,
    },
    {
      name: 'a list of revoked keys that is missing',
      known: '[127.0.0.1]:PORT OWN',
      config: 'RevokedHostKeys DIR/missing',
      trusted: false,
    },
    {
      name: 'another order of algorithms',
      known: '[127.0.0.1]:PORT OWN',
      config: 'HostKeyAlgorithms rsa-sha2-512,ssh-ed25519',
      trusted: true,
    },
    {
      name: 'no common algorithm',
      known: '[127.0.0.1]:PORT OWN',
      config: 'HostKeyAlgorithms rsa-sha2-512',
      trusted: false,
    },
  ];
  test.each(cases)(
    '$name',
    async ({ known, second = '', config = '', hashed = false, trusted }) => {
      const path = (name: string) => join(sshd.directory, name);
      const filled = (text: string) =>
        text
          .replaceAll('PORT', String(sshd.port))
          .replaceAll('OWN', keys.own)
          .replaceAll('OTHER', keys.other)
          .replaceAll('DIR', sshd.directory);
      await writeFile(path('known'), `${filled(known)}\n`);
      await writeFile(path('second'), `${filled(second)}\n`);
      if (hashed) execFileSync('ssh-keygen', ['-H', '-f', path('known')], { stdio: 'ignore' });
      const files = `UserKnownHostsFile ${path('known')} ${path('second')}\nGlobalKnownHostsFile none\n`;
      await writeFile(
        path('config_known'),
        `${filled(config)}\n${files}IdentityFile ${sshd.userKey}\n`,
        { mode: 0o600 },
      );

      const context = createSshContext({
        ...surroundings(sshd.directory, path('nothing')),
        configFiles: [path('config_known')],
      });
      const remote = createSshRemote(
        sshd.spec({ identityFiles: [], connectTimeoutMs: 60_000, commandTimeoutMs: 60_000 }),
        context,
      );
      const ours = await remote.run({ command: 'true' }).then(
        () => true,
        (failure: { code: string }) => {
          expect(['ssh-host-key', 'ssh-config', 'ssh-connect']).toContain(failure.code);
          return false;
        },
      );
      await remote.close();
      const options = [
        '-F',
        path('config_known'),
        '-o',
        'BatchMode=yes',
        '-o',
        'StrictHostKeyChecking=yes',
        '-p',
        String(sshd.port),
      ];
      const ssh = spawn('ssh', [...options, '127.0.0.1', 'true'], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      const [said, [code]] = await Promise.all([text(ssh.stderr), once(ssh, 'exit')]);
      expect({ fleet: ours, openssh: code === 0 }, `ssh: ${said}`).toEqual({
        fleet: trusted,
        openssh: trusted,
      });
    },
  );
});
