import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FleetError } from '../../../src/model/errors.ts';
import type { SshSettings } from '../../../src/model/inventory.ts';
import { createSshContext } from '../../../src/remote/config/ssh-context.ts';
import { createSshRemote } from '../../../src/remote/ssh/ssh-remote.ts';
import {
  makeKey,
  missingSshd,
  startSshd,
  surroundings,
  type TestSshd,
  testTransport,
} from '../sshd.ts';

/**
 * Logs in as fleet and as OpenSSH, with the same config and the same agent; null or what fleet
 * said.
 */
interface Login {
  readonly settings?: Partial<SshSettings>;
  readonly config?: string;
  readonly agent?: boolean;
  /** Arguments of ssh that say what `settings` say. */
  readonly arguments?: readonly string[];
}

describe.skipIf(missingSshd !== null)('a login, tried as OpenSSH tries it', () => {
  let sshd: TestSshd;
  let agent: ChildProcess;
  let agentSocket: string;
  beforeAll(async () => {
    sshd = await startSshd(['MaxAuthTries 3', 'LogLevel ERROR']);
    agentSocket = join(sshd.directory, 'agent.sock');
    agent = spawn('ssh-agent', ['-D', '-a', agentSocket], { stdio: ['ignore', 'pipe', 'ignore'] });
    if (agent.stdout !== null) await once(agent.stdout, 'data');
    for (let index = 0; index < 9; index += 1) makeKey(join(sshd.directory, `other_${index}`));
    makeKey(join(sshd.directory, 'in_agent'));
    await appendFile(
      join(sshd.directory, 'authorized_keys'),
      await readFile(join(sshd.directory, 'in_agent.pub')),
    );
    const names = [...Array.from({ length: 9 }, (_, index) => `other_${index}`), 'in_agent'];
    execFileSync('ssh-add', ['-q', ...names.map((name) => join(sshd.directory, name))], {
      env: { SSH_AUTH_SOCK: agentSocket },
      stdio: 'ignore',
    });
    // What is only in the agent: the public half stays, the private one goes.
    await writeFile(join(sshd.directory, 'in_agent'), 'gone');
  });
  afterAll(async () => {
    agent.kill('SIGKILL');
    await sshd.stop();
  });

  async function fleet(
    server: TestSshd,
    { settings = {}, config = '', agent: hasAgent = true }: Login,
  ): Promise<FleetError | null> {
    const file = join(server.directory, 'client_config');
    await writeFile(file, config);
    const known = join(server.directory, 'known_login');
    await writeFile(
      known,
      `[127.0.0.1]:${server.port} ${(await readFile(`${server.hostKey}.pub`, 'utf8')).trim()}\n`,
    );
    const context = createSshContext({
      ...surroundings(server.directory, known),
      configFiles: [file],
      agentSocket: hasAgent ? agentSocket : null,
    });
    const remote = createSshRemote(server.spec({ identityFiles: [], ...settings }), context);
    return remote
      .run({ command: 'true' })
      .then(
        () => null,
        (error: unknown) => {
          expect(error).toBeInstanceOf(FleetError);
          return error as FleetError;
        },
      )
      .finally(() => remote.close());
  }

  async function openssh(
    server: TestSshd,
    { config = '', agent: hasAgent = true, arguments: more = [] }: Login,
  ): Promise<boolean> {
    const file = join(server.directory, 'openssh_config');
    await writeFile(file, config, { mode: 0o600 });
    const options = [
      '-F',
      file,
      '-o',
      `UserKnownHostsFile=${join(server.directory, 'known_login')}`,
      '-o',
      'BatchMode=yes',
      '-p',
      String(server.port),
    ];
    const child = spawn('ssh', [...options, ...more, '127.0.0.1', 'true'], {
      stdio: 'ignore',
      env: {
        PATH: process.env.PATH,
        HOME: server.directory,
        ...(hasAgent ? { SSH_AUTH_SOCK: agentSocket } : {}),
      },
    });
    const [code] = (await once(child, 'exit')) as [number];
    return code === 0;
  }

  const pub = () => join(sshd.directory, 'in_agent.pub');

  test('a named public key that is the last of ten in the agent is tried first', async () => {
    const login: Login = { settings: { identityFiles: [pub()] }, arguments: ['-i', pub()] };
    expect(await fleet(sshd, login)).toBeNull();
    expect(await openssh(sshd, login)).toBe(true);
  });

  test('the same by IdentityFile, with and without IdentitiesOnly', async () => {
    for (const only of ['', 'IdentitiesOnly true\n']) {
      const login: Login = { config: `IdentityFile ${pub()}\n${only}` };
      expect([await fleet(sshd, login), await openssh(sshd, login)]).toEqual([null, true]);
    }
  });

  test('a named key file goes before what the agent holds', async () => {
    expect(await fleet(sshd, { settings: { identityFiles: [sshd.userKey] } })).toBeNull();
  });

  test('ten keys of an agent are too many for MaxAuthTries 3, which is said in the words of sshd', async () => {
    const failure = await fleet(sshd, {});
    expect(failure).toMatchObject({
      code: 'ssh-auth',
      hint: expect.stringContaining('IdentitiesOnly'),
    });
    expect(failure?.message).toContain('It said: Too many authentication failures');
    expect(await openssh(sshd, {})).toBe(false);
  });

  test('a public key that is nowhere is named', async () => {
    const config = `IdentityFile ${sshd.userKey}.pub\nIdentitiesOnly yes\n`;
    const failure = await fleet(sshd, { config });
    expect(failure?.problems.join()).toContain('user_key.pub is not in the ssh-agent');
    expect((await fleet(sshd, { config, agent: false }))?.problems.join()).toContain(
      'user_key.pub is not in the ssh-agent',
    );
    expect(await openssh(sshd, { config })).toBe(false);
  });

  test('an agent that is gone is no obstacle for a key file, and is named where it was needed', async () => {
    const config = `IdentityAgent ${join(sshd.directory, 'no-agent')}\n`;
    expect(await fleet(sshd, { config, settings: { identityFiles: [sshd.userKey] } })).toBeNull();
    const failure = await fleet(sshd, { config, settings: { identityFiles: [pub()] } });
    expect(failure?.problems.join()).toContain('ssh-agent does not answer');
  });

  test('PubkeyAcceptedAlgorithms and PubkeyAuthentication keep keys back, as for OpenSSH', async () => {
    for (const line of [
      'PubkeyAcceptedAlgorithms rsa-sha2-512',
      'PubkeyAuthentication no',
      'PreferredAuthentications password',
    ]) {
      const login: Login = {
        config: `IdentityFile ${sshd.userKey}\nIdentitiesOnly yes\n${line}\n`,
      };
      expect([(await fleet(sshd, login))?.code, await openssh(sshd, login)]).toEqual([
        'ssh-auth',
        false,
      ]);
    }
  });

  test('two keys in a row where the host wants two', async () => {
    const strict = await startSshd(['AuthenticationMethods publickey,publickey', 'LogLevel ERROR']);
    const second = join(strict.directory, 'second');
    makeKey(second);
    await appendFile(join(strict.directory, 'authorized_keys'), await readFile(`${second}.pub`));
    const config = `IdentityFile ${strict.userKey}\nIdentityFile ${second}\nIdentitiesOnly yes\n`;
    expect([await fleet(strict, { config }), await openssh(strict, { config })]).toEqual([
      null,
      true,
    ]);
    const failure = await fleet(strict, { config: `IdentityFile ${second}\nIdentitiesOnly yes\n` });
    expect(failure?.message).toMatch(/accepted .*second, then wanted publickey/);
    await strict.stop();
  });

  test.skipIf(testTransport() === 'openssh')(
    'a certificate beside a key is named, and the key alone is tried',
    async () => {
      const strict = await startSshd([
        'TrustedUserCAKeys %DIR%/ca.pub',
        'AuthorizedKeysFile none',
        'LogLevel ERROR',
      ]);
      const [ca, key] = [join(strict.directory, 'ca'), join(strict.directory, 'certified')];
      makeKey(ca);
      makeKey(key);
      execFileSync('ssh-keygen', ['-q', '-s', ca, '-I', 'op', '-n', strict.user, `${key}.pub`]);
      const failure = await fleet(strict, { settings: { identityFiles: [key] }, agent: false });
      expect(failure).toMatchObject({
        code: 'ssh-auth',
        problems: expect.arrayContaining([
          expect.stringContaining(
            'certified-cert.pub is a certificate, which fleet does not offer',
          ),
        ]),
      });
      await strict.stop();
    },
  );
});
