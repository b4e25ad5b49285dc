import { execFileSync, spawn } from 'node:child_process';
import {
  appendFile,
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FleetError } from '../../../src/model/errors.ts';
import type { HostSpec, Inventory, SshSettings } from '../../../src/model/inventory.ts';
import type { SecretReference } from '../../../src/model/secret-reference.ts';
import {
  createSshContext,
  type SshContext,
  type SshContextOptions,
} from '../../../src/remote/config/ssh-context.ts';
import { createSshRemote } from '../../../src/remote/ssh/ssh-remote.ts';
import {
  appendKnownHost,
  copyKnownHost,
  readHostKey,
  removeKnownHost,
} from '../../../src/remote/ssh/trust-host.ts';
import type { FleetContext } from '../../../src/workflows/context.ts';
import { readHostKeys, trustHosts } from '../../../src/workflows/hosts/trust-hosts.ts';
import {
  killQuietly,
  makeKey,
  missingSshd,
  startSshd,
  surroundings,
  type TestSshd,
  testTransport,
} from '../sshd.ts';

const secret = (target: string): SecretReference => ({ kind: 'env', target });

describe.skipIf(missingSshd !== null)('who the host is, and who we are', () => {
  let sshd: TestSshd;
  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(() => sshd.stop());

  /** Tries a command; null when it worked. */
  async function attempt(
    settings: Partial<SshSettings>,
    context: SshContext,
  ): Promise<FleetError | null> {
    const remote = createSshRemote(sshd.spec(settings), context);
    try {
      const result = await remote.run({ command: 'true' });
      expect(result.exitCode).toBe(0);
      return null;
    } catch (error) {
      expect(error).toBeInstanceOf(FleetError);
      return error as FleetError;
    } finally {
      await remote.close();
    }
  }
  const knowing = async (name: string, lines: string): Promise<SshContext> => {
    await writeFile(join(sshd.directory, name), lines);
    return createSshContext(surroundings(sshd.directory, join(sshd.directory, name)));
  };
  const hostKeyOf = async (file: string): Promise<string> =>
    (await readFile(`${file}.pub`, 'utf8')).split(' ').slice(0, 2).join(' ');

  test('an unknown host key is refused, shows its fingerprint, and trusting it once lets us in', async () => {
    const context = await knowing('kh_unknown', '');
    const failure = await attempt({}, context);
    const presented = await readHostKey(sshd.spec(), context);
    expect(failure).toMatchObject({
      code: 'ssh-host-key',
      hint: expect.stringContaining('fleet hosts trust host-1'),
    });
    expect(failure?.message).toContain(presented.fingerprint);
    expect(
      execFileSync('ssh-keygen', ['-lf', `${sshd.hostKey}.pub`], { encoding: 'utf8' }),
    ).toContain(presented.fingerprint);
    expect(await appendKnownHost(join(sshd.directory, 'kh_unknown'), presented.line)).toBe(true);
    expect(await appendKnownHost(join(sshd.directory, 'kh_unknown'), presented.line)).toBe(false);
    expect(
      await attempt(
        {},
        createSshContext(surroundings(sshd.directory, join(sshd.directory, 'kh_unknown'))),
      ),
    ).toBeNull();
  });

  test('looking at a host key never logs in', async () => {
    const presented = await readHostKey(
      sshd.spec({ identityFiles: ['/does/not/exist'] }),
      await knowing('kh_look', ''),
    );
    expect(presented.type).toBe('ssh-ed25519');
    expect(presented.line.startsWith(`[127.0.0.1]:${sshd.port} ssh-ed25519 `)).toBe(true);
  });

  test('a hashed line is known', async () => {
    const file = join(sshd.directory, 'kh_hashed');
    await writeFile(file, `[127.0.0.1]:${sshd.port} ${await hostKeyOf(sshd.hostKey)}\n`);
    execFileSync('ssh-keygen', ['-H', '-f', file], { stdio: 'ignore' });
    expect(await readFile(file, 'utf8')).toMatch(/^\|1\|/);
    expect(await attempt({}, createSshContext(surroundings(sshd.directory, file)))).toBeNull();
  });

  test('a changed host key is refused loudly and the known one is named', async () => {
    makeKey(join(sshd.directory, 'other_host_key'));
    const context = await knowing(
      'kh_changed',
      `[127.0.0.1]:${sshd.port} ${await hostKeyOf(join(sshd.directory, 'other_host_key'))}\n`,
    );
    const failure = await attempt({}, context);
    expect(failure?.message).toMatch(/HAS CHANGED .*another one is known in .*kh_changed:1/);
    expect(failure?.problems).toEqual([expect.stringContaining('kh_changed:1')]);
    expect((await readHostKey(sshd.spec(), context)).verdict.kind).toBe('changed');
  });

  test('a reinstalled host gets its new key without a hand on known_hosts, and the former one is trusted no more', async () => {
    makeKey(join(sshd.directory, 'former_key'));
    const name = `[127.0.0.1]:${sshd.port}`;
    const former = await hostKeyOf(join(sshd.directory, 'former_key'));
    const [own, person] = ['kh_own', 'kh_person'].map((file) => join(sshd.directory, file)) as [
      string,
      string,
    ];
    await writeFile(own, `# kept\nother ${former}\n${name} ${former}\n`);
    await writeFile(person, `other,${name} ${former}\n`);
    execFileSync('ssh-keygen', ['-H', '-f', own], { stdio: 'ignore' });
    const context = createSshContext(surroundings(sshd.directory, own));
    const presented = await readHostKey(sshd.spec(), context);
    expect(presented).toMatchObject({
      verdict: { kind: 'changed' },
      keyName: name,
      knownIn: [own],
    });
    expect((await attempt({}, context))?.hint).toContain('fleet hosts trust host-1 --replace');
    expect(await removeKnownHost(own, name)).toEqual([]);
    expect(await removeKnownHost(person, name)).toEqual([]);
    expect(await removeKnownHost(join(sshd.directory, 'nowhere'), name)).toEqual([]);
    await appendKnownHost(own, presented.line);
    const text = await readFile(own, 'utf8');
    expect(text.split('\n').filter((line) => line.includes(former))).toHaveLength(1);
    expect(await readFile(person, 'utf8')).toBe(`other ${former}\n`);
    expect(await readFile(`${person}.old`, 'utf8')).toBe(`other,${name} ${former}\n`);
    expect(await attempt({}, createSshContext(surroundings(sshd.directory, own)))).toBeNull();
  });

  test('one key under two names is refused with both; a changed key only goes with --replace', async () => {
    const context = await knowing('kh_twice', '');
    const [first, second] = ['h1', 'h2'].map((name) => ({ ...sshd.spec(), name }) as HostSpec) as [
      HostSpec,
      HostSpec,
    ];
    const twin: HostSpec = { ...second, ssh: { ...second.ssh, address: 'localhost' } };
    const around = {
      inventory: { concurrency: 2, hosts: [first, twin] },
      signal: new AbortController().signal,
    } as unknown as FleetContext;
    const twice = await readHostKeys(around, context, [first, second]);
    expect(twice.keys).toEqual([]);
    expect(twice.errors).toMatchObject([
      {
        code: 'ssh-host-key',
        message: expect.stringContaining('h1, h2 present the same host key'),
      },
    ]);
    // Alone, under another address: the key of h1 is known already.
    const own = (await readHostKeys(around, context, [first])).keys[0]?.line ?? '';
    const alone = await readHostKeys(around, await knowing('kh_alone', `${own}\n`), [twin]);
    expect(alone).toMatchObject({
      keys: [],
      errors: [{ message: expect.stringContaining('h2, h1 present the same host key') }],
    });
    makeKey(join(sshd.directory, 'old_key'));
    const changed = await knowing(
      'kh_replace',
      `[127.0.0.1]:${sshd.port} ${await hostKeyOf(join(sshd.directory, 'old_key'))}\n`,
    );
    expect((await readHostKeys(around, changed, [first])).errors).toMatchObject([
      { hint: expect.stringContaining('fleet hosts trust h1 --replace') },
    ]);
    const { keys, errors } = await readHostKeys(around, changed, [first], { replace: true });
    expect(errors).toEqual([]);
    expect(keys).toMatchObject([
      { host: 'h1', isKnown: false, replaces: [expect.stringContaining('kh_replace:1')] },
    ]);
    expect(
      await trustHosts(
        { paths: { knownHosts: join(sshd.directory, 'kh_replace') } } as Inventory,
        keys,
      ),
    ).toEqual([]);
    expect(
      await attempt(
        {},
        createSshContext(surroundings(sshd.directory, join(sshd.directory, 'kh_replace'))),
      ),
    ).toBeNull();
  });

  test('a new name of a host is known by the key of its former one, unless something is known of it', async () => {
    const file = join(sshd.directory, 'kh_renamed');
    await writeFile(
      file,
      `old ssh-ed25519 AAAA\n@revoked old ssh-ed25519 CCCC\nused ssh-ed25519 BBBB\n`,
    );
    expect(await copyKnownHost(file, 'old', 'new')).toBe(true);
    expect(await copyKnownHost(file, 'old', 'new')).toBe(false);
    expect(await copyKnownHost(file, 'old', 'used')).toBe(false);
    expect(await copyKnownHost(file, 'nobody', 'else')).toBe(false);
    expect(
      (await readFile(file, 'utf8')).split('\n').filter((line) => line.startsWith('new')),
    ).toEqual(['new ssh-ed25519 AAAA']);
  });

  test('a host that is known by another type of key is changed too', async () => {
    makeKey(join(sshd.directory, 'ecdsa_host_key'), 'ecdsa');
    const context = await knowing(
      'kh_type',
      `[127.0.0.1]:${sshd.port} ${await hostKeyOf(join(sshd.directory, 'ecdsa_host_key'))}\n`,
    );
    expect((await attempt({}, context))?.message).toContain('HAS CHANGED');
  });

  test('a revoked key is refused although it is also known, and a pin does not help', async () => {
    const name = `[127.0.0.1]:${sshd.port}`;
    const key = await hostKeyOf(sshd.hostKey);
    const context = await knowing('kh_revoked', `${name} ${key}\n@revoked * ${key}\n`);
    const { fingerprint } = await readHostKey(sshd.spec(), context);
    expect((await attempt({ hostKeys: [fingerprint] }, context))?.message).toContain('REVOKED');
  });

  test('a certificate authority is named as not supported', async () => {
    const context = await knowing('kh_ca', `@cert-authority * ${await hostKeyOf(sshd.hostKey)}\n`);
    expect((await attempt({}, context))?.hint).toContain('@cert-authority');
  });

  test('a host with several keys is known by any of them', async () => {
    const twoKeys = await startSshd();
    const file = join(twoKeys.directory, 'kh_several');
    const other = join(twoKeys.directory, 'elsewhere');
    makeKey(other, 'rsa');
    await writeFile(
      file,
      `other.example ${await hostKeyOf(other)}\n[127.0.0.1]:${twoKeys.port} ` +
        `${await hostKeyOf(other)}\n[127.0.0.1]:${twoKeys.port} ` +
        `${await hostKeyOf(twoKeys.hostKey)}\n`,
    );
    const remote = createSshRemote(
      twoKeys.spec(),
      createSshContext(surroundings(twoKeys.directory, file)),
    );
    expect((await remote.run({ command: 'true' })).exitCode).toBe(0);
    await remote.close();
    await twoKeys.stop();
  });

  test('a host whose known key is of an older type than its best one is asked for the known one', async () => {
    makeKey(join(sshd.directory, 'older_host_key'), 'ecdsa');
    const both = await startSshd([
      `HostKey ${join(sshd.directory, 'older_host_key')}`,
      `HostKey ${sshd.hostKey}`,
    ]);
    const file = join(both.directory, 'kh_older');
    await writeFile(
      file,
      `[127.0.0.1]:${both.port} ${await hostKeyOf(join(sshd.directory, 'older_host_key'))}\n`,
    );
    const remote = createSshRemote(
      both.spec(),
      createSshContext(surroundings(both.directory, file)),
    );
    expect((await remote.run({ command: 'true' })).exitCode).toBe(0);
    await remote.close();
    await both.stop();
  });

  test('a host that has a certificate, too, is known by its plain key', async () => {
    const directory = await mkdtemp(join(sshd.directory, 'signed-'));
    makeKey(join(directory, 'authority'));
    makeKey(join(directory, 'host'));
    execFileSync('ssh-keygen', [
      '-q',
      '-s',
      join(directory, 'authority'),
      '-I',
      'h',
      '-h',
      '-n',
      '127.0.0.1',
      join(directory, 'host.pub'),
    ]);
    const signed = await startSshd([
      `HostKey ${directory}/host`,
      `HostCertificate ${directory}/host-cert.pub`,
    ]);
    const trusting = async (lines: string) => {
      await writeFile(join(directory, 'known'), lines);
      const remote = createSshRemote(
        signed.spec(),
        createSshContext(surroundings(directory, join(directory, 'known'))),
      );
      return remote.run({ command: 'true' }).then(
        () => null,
        (error: FleetError) => error,
      );
    };
    const name = `[127.0.0.1]:${signed.port}`;
    expect(
      (await trusting(`@cert-authority ${name} ${await hostKeyOf(join(directory, 'authority'))}\n`))
        ?.hint,
    ).toContain('is not supported');
    expect(await trusting(`${name} ${await hostKeyOf(join(directory, 'host'))}\n`)).toBeNull();
    await signed.stop();
  });

  test('an IPv6 address, with the line that OpenSSH writes for it', async () => {
    const six = await startSshd(['ListenAddress ::1']);
    const file = join(six.directory, 'kh_six');
    await writeFile(file, `[::1]:${six.port} ${await hostKeyOf(six.hostKey)}\n`);
    const remote = createSshRemote(
      six.spec({ address: '::1' }),
      createSshContext(surroundings(six.directory, file)),
    );
    const { stdout } = await remote.run({ command: 'echo $SSH_CONNECTION' });
    expect(Buffer.from(stdout).toString()).toBe(
      `::1 ${Buffer.from(stdout).toString().split(' ')[1]} ::1 ${six.port}\n`,
    );
    await remote.close();
    await six.stop();
  });

  test('a pinned fingerprint needs no known_hosts, and a wrong one wins over it', async () => {
    const { fingerprint } = await readHostKey(sshd.spec(), await knowing('kh_none', ''));
    expect(await attempt({ hostKeys: [fingerprint] }, await knowing('kh_none', ''))).toBeNull();
    expect(
      (await attempt({ hostKeys: [`SHA256:${'A'.repeat(43)}`] }, await sshd.context()))?.message,
    ).toContain('HAS CHANGED');
  });

  test('a wrong key is ssh-auth and names what was tried', async () => {
    makeKey(join(sshd.directory, 'stranger'));
    const failure = await attempt(
      { identityFiles: [join(sshd.directory, 'stranger')] },
      await sshd.context(),
    );
    expect(failure?.code).toBe('ssh-auth');
    expect(failure?.message).toContain('stranger');
  });

  test('without any key the hint says what can be done', async () => {
    const failure = await attempt({ identityFiles: [] }, await sshd.context());
    expect([
      failure?.code,
      failure?.message.includes('nothing could be tried'),
      failure?.hint.includes('identity_files'),
    ]).toEqual(['ssh-auth', true, true]);
  });

  test('several keys are tried in order, and a missing one is named only when all fail', async () => {
    makeKey(join(sshd.directory, 'second'));
    const files = [join(sshd.directory, 'gone'), join(sshd.directory, 'second')];
    expect(
      (await attempt({ identityFiles: files }, await sshd.context()))?.problems.join(),
    ).toContain('gone does not exist');
    expect(
      await attempt({ identityFiles: [...files, sshd.userKey] }, await sshd.context()),
    ).toBeNull();
  });

  test.each(['ed25519', 'rsa', 'ecdsa'])(
    'an encrypted %s key opens with its passphrase, and says what is missing without',
    async (type) => {
      const path = join(sshd.directory, `locked_${type}`);
      makeKey(path, type, 'open sesame');
      await appendFile(join(sshd.directory, 'authorized_keys'), await readFile(`${path}.pub`));
      expect(
        await attempt(
          { identityFiles: [path], passphrase: secret('open sesame') },
          await sshd.context(),
        ),
      ).toBeNull();
      expect(
        (await attempt({ identityFiles: [path] }, await sshd.context()))?.problems.join(),
      ).toContain('is encrypted');
      const wrong = await attempt(
        { identityFiles: [path], passphrase: secret('hunter2') },
        await sshd.context(),
      );
      expect([wrong?.code, wrong?.message.includes('passphrase')]).toEqual(['ssh-auth', true]);
      expect(JSON.stringify([wrong?.message, wrong?.hint, wrong?.problems])).not.toContain(
        'open sesame',
      );
    },
  );

  test('without a passphrase in the inventory the operator is asked, once for all hosts and again after a mistake', async () => {
    const path = join(sshd.directory, 'locked_asked');
    makeKey(path, 'ed25519', 'open sesame');
    await appendFile(join(sshd.directory, 'authorized_keys'), await readFile(`${path}.pub`));
    const asked: string[] = [];
    const answers = ['mistake', 'open sesame'];
    const askPassphrase = async (file: string, again: boolean) => {
      asked.push(`${file} ${again}`);
      return answers.shift() ?? 'nothing more';
    };
    const context = await sshd.context({ askPassphrase });
    const both = ['a', 'b'].map((name) =>
      createSshRemote(sshd.spec({ name, identityFiles: [path] }), context),
    );
    for (const result of await Promise.all(both.map((remote) => remote.run({ command: 'true' }))))
      expect(result.exitCode).toBe(0);
    expect(asked).toEqual([`${path} false`, `${path} true`]);
    await Promise.all(both.map((remote) => remote.close()));
    const never = await attempt({ identityFiles: [path] }, await sshd.context({ askPassphrase }));
    expect([never?.code, never?.message.includes('no passphrase that was given')]).toEqual([
      'ssh-auth',
      true,
    ]);
    expect(asked).toHaveLength(5);
  });

  test('an encrypted default key is not asked for where another key is there', async () => {
    await mkdir(join(sshd.directory, '.ssh'), { recursive: true });
    makeKey(join(sshd.directory, '.ssh', 'id_ecdsa'), 'ecdsa', 'open sesame');
    await copyFile(sshd.userKey, join(sshd.directory, '.ssh', 'id_rsa'));
    const askPassphrase = async () => {
      throw new Error('asked');
    };
    expect(await attempt({ identityFiles: [] }, await sshd.context({ askPassphrase }))).toBeNull();
    await rm(join(sshd.directory, '.ssh'), { recursive: true });
  });

  test.skipIf(testTransport() === 'openssh')(
    'a certificate of the user is named when the login fails',
    async () => {
      const path = join(sshd.directory, 'certified');
      makeKey(path);
      await writeFile(`${path}-cert.pub`, 'ssh-ed25519-cert-v01@openssh.com AAAA');
      expect(
        (await attempt({ identityFiles: [path] }, await sshd.context()))?.problems.join(),
      ).toContain('certified-cert.pub is a certificate, which fleet does not offer');
    },
  );

  test('ssh-agent is asked, also for a key of which only the public half is named', async () => {
    const socket = join(sshd.directory, 'agent.sock');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    try {
      const path = join(sshd.directory, 'in_agent');
      makeKey(path);
      makeKey(join(sshd.directory, 'in_agent_too'));
      await appendFile(join(sshd.directory, 'authorized_keys'), await readFile(`${path}.pub`));
      execFileSync(
        'sh',
        [
          '-c',
          `for i in 1 2 3 4 5; do [ -S "$0" ] && break; sleep 0.1; done; ssh-add -q "$1_too" "$1"`,
          socket,
          path,
        ],
        {
          env: { ...process.env, SSH_AUTH_SOCK: socket },
        },
      );
      await rename(path, `${path}.away`);
      expect(
        await attempt({ identityFiles: [] }, await sshd.context({ agentSocket: socket })),
      ).toBeNull();
      expect(
        await attempt({ identityFiles: [path] }, await sshd.context({ agentSocket: socket })),
      ).toBeNull();
      await mkdir(join(sshd.directory, '.ssh'), { recursive: true });
      await writeFile(
        join(sshd.directory, '.ssh', 'config'),
        `Host *\n  IdentitiesOnly yes\n  IdentityFile ${path}_too\n`,
      );
      expect(
        (await attempt({ identityFiles: [] }, await sshd.context({ agentSocket: socket })))?.code,
      ).toBe('ssh-auth');
    } finally {
      if (agent.pid !== undefined) killQuietly(agent.pid);
      await writeFile(join(sshd.directory, '.ssh', 'config'), '');
    }
  });

  test('a dead agent does not stop a key file', async () => {
    const context = await sshd.context({ agentSocket: join(sshd.directory, 'no-agent.sock') });
    expect(await attempt({}, context)).toBeNull();
    expect((await attempt({ identityFiles: [] }, context))?.problems.join()).toContain(
      'ssh-agent does not answer',
    );
  });

  test('an unreadable config is ssh-config', async () => {
    const config = join(sshd.directory, 'broken_config');
    await writeFile(config, 'Host "a\n');
    await chmod(config, 0o600);
    expect((await attempt({}, await sshd.context({ configFiles: [config] })))?.code).toBe(
      'ssh-config',
    );
  });

  describe('through jump hosts', () => {
    let first: TestSshd;
    let second: TestSshd;
    beforeAll(async () => {
      [first, second] = [await startSshd(), await startSshd()];
    });
    afterAll(() => Promise.all([first.stop(), second.stop()]));

    async function jumping(options: Partial<SshContextOptions> = {}): Promise<SshContext> {
      const config = join(sshd.directory, 'jump_config');
      const jumpHost = (name: string, jump: TestSshd) =>
        `Host ${name}\n  HostName 127.0.0.1\n  Port ${jump.port}\n  IdentityFile ${jump.userKey}\n`;
      await writeFile(
        config,
        `${jumpHost('one', first)}${jumpHost('two', second)}Host 127.0.0.1\n  ProxyJump one,two\n`,
      );
      const known = join(sshd.directory, 'jump_known');
      const line = async (one: TestSshd) =>
        `[127.0.0.1]:${one.port} ${await hostKeyOf(one.hostKey)}\n`;
      await writeFile(known, (await Promise.all([sshd, first, second].map(line))).join(''));
      return createSshContext({
        ...surroundings(sshd.directory, known),
        configFiles: [config],
        ...options,
      });
    }

    test('a chain of two is gone through, shared, and closed with its last user', async () => {
      const context = await jumping();
      const [a, b] = [
        createSshRemote(sshd.spec({ name: 'a' }), context),
        createSshRemote(sshd.spec({ name: 'b' }), context),
      ];
      const [left] = await Promise.all([
        a.run({ command: 'echo $SSH_CONNECTION' }),
        b.run({ command: 'true' }),
      ]);
      expect(Buffer.from(left.stdout).toString()).toContain(String(sshd.port));
      expect([first.sessions().length, second.sessions().length]).toEqual([1, 1]);
      await a.close();
      expect((await b.run({ command: 'true' })).exitCode).toBe(0);
      await b.close();
      await expect.poll(() => first.sessions().length + second.sessions().length).toBe(0);
    });

    test('a jump host whose key is unknown stops the way there', async () => {
      const context = await jumping({ knownHosts: join(sshd.directory, 'nothing') });
      const failure = await attempt({}, context);
      expect([failure?.code, failure?.message.includes(String(first.port))]).toEqual([
        'ssh-host-key',
        true,
      ]);
    });

    test('a jump host that dies takes the link with it as ssh-lost', async () => {
      const context = await jumping();
      const remote = createSshRemote(sshd.spec(), context);
      await remote.connect();
      setTimeout(() => {
        for (const pid of first.sessions()) killQuietly(pid);
      }, 100);
      await expect(remote.run({ command: 'sleep 10' })).rejects.toMatchObject({ code: 'ssh-lost' });
      await remote.close();
    });
  });
});
