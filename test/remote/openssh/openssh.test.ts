import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FleetError } from '../../../src/model/errors.ts';
import type { SshSettings } from '../../../src/model/inventory.ts';
import type { SshContextOptions } from '../../../src/remote/config/ssh-context.ts';
import { isPostQuantum } from '../../../src/remote/session/post-quantum.ts';
import { openLink } from '../../../src/remote/ssh/open-link.ts';
import { createSshRemote } from '../../../src/remote/ssh/ssh-remote.ts';
import { makeKey, missingSshd, startSshd, type TestSshd } from '../sshd.ts';
import { startPasswordServer } from './password-server.ts';
import { startTokenAgent } from './token-agent.ts';

type Options = Partial<SshContextOptions> & { readonly ports?: readonly number[] };

const missing = missingSshd ?? (existsSync('/usr/bin/ssh') ? null : 'ssh is missing');

/** Logs in and runs a command; gives what it says, or the error. */
async function login(
  sshd: TestSshd,
  settings: Partial<SshSettings> & { readonly name?: string } = {},
  options: Options = {},
): Promise<string | FleetError> {
  const remote = createSshRemote(
    sshd.spec({ transport: 'openssh', ...settings }),
    await sshd.context(options),
  );
  try {
    const { stdout } = await remote.run({ command: 'echo "in as $USER"' });
    return Buffer.from(stdout).toString().trim();
  } catch (failure) {
    if (failure instanceof FleetError) return failure;
    throw failure;
  } finally {
    await remote.close();
  }
}

describe.skipIf(missing !== null)('the OpenSSH of this machine as transport', () => {
  let sshd: TestSshd;
  let inside: (name: string) => string;
  const isIn = () => `in as ${sshd.user}`;
  /** A config for one test, in a file of its own. */
  const config = async (text: string): Promise<Options> => {
    const file = join(await mkdtemp(inside('config-')), 'config');
    await writeFile(file, text, { mode: 0o600 });
    return { configFiles: [file] };
  };
  beforeAll(async () => {
    sshd = await startSshd(['TrustedUserCAKeys %DIR%/ca.pub']);
    inside = (name) => join(sshd.directory, name);
    makeKey(inside('ca'));
  });
  afterAll(() => sshd.stop());

  test('auto stays with fleet’s own SSH where the config asks for nothing more', async () => {
    const context = await sshd.context();
    const target = await context.target(sshd.spec({ transport: 'auto' }));
    expect(target.openSsh).toBe(null);
  });

  /** A way to the host that only a command knows. */
  const proxy = () =>
    `${process.execPath} -e "const s=require('net').connect(${sshd.port},'127.0.0.1');` +
    'process.stdin.pipe(s);s.pipe(process.stdout)"';

  test('auto takes it for ProxyCommand, and says when the command opens no way', async () => {
    const through = await config(`Host 127.0.0.1\n ProxyCommand ${proxy()}\n`);
    expect(await login(sshd, { transport: 'auto', port: sshd.port }, through)).toBe(isIn());
    const broken = await config(
      'Host 127.0.0.1\n ProxyCommand sh -c "echo no tunnel today >&2; sleep 0.1; exit 7"\n',
    );
    expect(await login(sshd, { transport: 'auto' }, broken)).toMatchObject({
      code: 'ssh-connect',
      message: expect.stringMatching(/ProxyCommand.*opened no way.*It said: no tunnel today$/),
    });
  });

  test('auto takes it for Match exec, which decides the port', async () => {
    const options = await config(`Match exec "test -d /"\n Port ${sshd.port}\n`);
    expect(await login(sshd, { transport: 'auto', port: null }, options)).toBe(isIn());
  });

  test('auto takes it for a certificate beside a key', async () => {
    makeKey(inside('certified'));
    const sign = ['-q', '-s', inside('ca'), '-I', 'op', '-n', sshd.user];
    execFileSync('ssh-keygen', [...sign, inside('certified.pub')]);
    const settings = { transport: 'auto' as const, identityFiles: [inside('certified')] };
    expect(await login(sshd, settings)).toBe(isIn());
    expect(await login(sshd, { ...settings, transport: 'ssh2' })).toMatchObject({
      code: 'ssh-auth',
    });
  });

  test('auto takes it for a security key, which signs by the agent', async () => {
    const agent = await startTokenAgent(inside('token.sock'));
    await writeFile(inside('token.pub'), `${agent.publicKey}\n`);
    const authorized = await readFile(inside('authorized_keys'), 'utf8');
    await writeFile(inside('authorized_keys'), `${authorized}${agent.publicKey}\n`);
    const settings = { transport: 'auto' as const, identityFiles: [inside('token')] };
    expect(await login(sshd, settings, { agentSocket: inside('token.sock') })).toBe(isIn());
    agent.close();
  });

  test('auto takes it for a post-quantum key exchange, which the link then names', async () => {
    const kex = 'sntrup761x25519-sha512@openssh.com';
    const modern = await startSshd([`KexAlgorithms ${kex}`]);
    const options = await config(`KexAlgorithms ${kex}\n`);
    const context = await modern.context(options);
    const target = await context.target(modern.spec({ transport: 'auto' }));
    const link = await openLink(target, context);
    expect([target.openSsh !== null, isPostQuantum(link.keyExchange)]).toEqual([true, true]);
    await link.close();
    expect(await login(modern, { transport: 'ssh2' })).toMatchObject({ code: 'ssh-connect' });
    await modern.stop();
  });

  test('what the config says for people is not done, and the connection ends with its use', async () => {
    const options = await config(
      [
        `PermitLocalCommand yes\nLocalCommand touch ${inside('was-here')}`,
        'ForwardAgent yes\nRequestTTY force\nRemoteCommand sleep 1000\nEscapeChar ~',
        'LocalForward 127.0.0.1:1 127.0.0.1:1\nRemoteForward 0 127.0.0.1:1\nForwardX11 yes',
        `ControlMaster no\nControlPath ${inside('own')}\nControlPersist yes\nLogLevel QUIET`,
        'StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nVisualHostKey yes\nTunnel yes',
      ].join('\n'),
    );
    const remote = createSshRemote(
      sshd.spec({ transport: 'openssh' }),
      await sshd.context(options),
    );
    const { stdout } = await remote.run({ command: 'tty; echo "agent:$SSH_AUTH_SOCK"' });
    expect(Buffer.from(stdout).toString()).toBe('not a tty\nagent:\n');
    expect([existsSync(inside('was-here')), existsSync(inside('own'))]).toEqual([false, false]);
    const before = sshd.sessions().length;
    await remote.close();
    await expect.poll(() => sshd.sessions().length, { timeout: 9_000 }).toBeLessThan(before);
  });

  test('a key that is not known is refused in the words of the other transport', async () => {
    const other = inside('elsewhere');
    await writeFile(other, '');
    const said = async (transport: SshSettings['transport'], pins: string[]) => {
      const failure = await login(sshd, { transport, hostKeys: pins }, { knownHosts: other });
      return failure instanceof FleetError ? [failure.code, failure.message, failure.hint] : null;
    };
    const pin = 'SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
    for (const pins of [[], [pin]]) {
      const own = await said('ssh2', pins);
      expect(own?.[0]).toBe('ssh-host-key');
      expect(await said('openssh', pins)).toEqual(own);
    }
    const right = execFileSync('ssh-keygen', ['-lf', `${sshd.hostKey}.pub`], { encoding: 'utf8' });
    expect(await said('openssh', [right.split(' ')[1] ?? ''])).toBe(null);
  });

  test('a passphrase and a password reach ssh, and nothing else', async () => {
    makeKey(inside('locked'), 'ed25519', 'open-sesame-4711');
    const authorized = await readFile(inside('authorized_keys'), 'utf8');
    const own = await readFile(inside('locked.pub'), 'utf8');
    await writeFile(inside('authorized_keys'), `${authorized}${own}`);
    const asked: string[] = [];
    const options: Options = {
      askPassphrase: async (file) => {
        asked.push(file);
        return 'open-sesame-4711';
      },
    };
    const locked = { identityFiles: [inside('locked')] };
    expect(await login(sshd, locked, options)).toBe(isIn());
    expect(asked).toEqual([inside('locked')]);

    const server = await startPasswordServer('pass-word-4712', sshd.hostKey);
    const secret = { kind: 'env' as const, target: 'pass-word-4712' };
    const settings = { port: server.port, identityFiles: [], password: secret };
    const ports = [server.port];
    for (const method of ['password', 'keyboard-interactive'] as const) {
      server.only(method);
      expect(await login(sshd, settings, { ports })).toBe('in by password');
    }
    expect(server.seen()).toEqual([]);
    const wrong = { ...settings, password: { ...secret, target: 'pass-word-4713' } };
    const failure = await login(sshd, wrong, { ports });
    expect(failure).toMatchObject({ code: 'ssh-auth' });
    expect(JSON.stringify(failure)).not.toContain('4713');
    await server.stop();
  });

  const programs: [string, string, RegExp][] = [
    ['none', '', /is not installed/],
    ['too old', 'echo "OpenSSH_8.4p1, OpenSSL" >&2', /8\.4 is too old.*It said: OpenSSH_8\.4p1/],
    ['another one', 'echo "Dropbear v2022" >&2', /is not OpenSSH. It said: Dropbear/],
  ];
  test.each(programs)('a program ssh that will not do is named: %s', async (name, text, words) => {
    const folder = await mkdtemp(join(tmpdir(), 'fleet-no-ssh-'));
    if (text !== '') await writeFile(join(folder, 'ssh'), `#!/bin/sh\n${text}\n`);
    if (text !== '') await chmod(join(folder, 'ssh'), 0o755);
    const machine = {
      hostName: hostname(),
      userId: 0,
      environment: { PATH: text === '' ? folder : `${folder}:/usr/bin:/bin` },
      workingDirectory: '/',
    };
    const failure = await login(sshd, { name: `h-${name.slice(0, 3)}` }, { machine });
    expect(failure).toMatchObject({ code: 'ssh-config', message: expect.stringMatching(words) });
    // Where nothing asks for it, it need not be there.
    expect(await login(sshd, { transport: 'auto' }, { machine })).toBe(isIn());
    await rm(folder, { recursive: true });
  });

  test('its sockets find a short folder, whatever TMPDIR says, and are gone at the end', async () => {
    const long = join(sshd.directory, 'x'.repeat(100), 'y z');
    await mkdir(long, { recursive: true });
    const script = `
      import { makeControlFolder } from ${JSON.stringify(join(process.cwd(), 'src/remote/openssh/control-folder.ts'))};
      const made = await makeControlFolder([${JSON.stringify(long)}, '/nonexistent', '/tmp']);
      console.log(made.path);
    `;
    const run = ['--input-type=module', '-e', script];
    const path = execFileSync(process.execPath, run, { encoding: 'utf8' }).trim();
    expect(path).toMatch(/^\/tmp\/fleet-\w{6}$/);
    expect(existsSync(path)).toBe(false);
    expect(await readdir(long)).toEqual([]);
  });
});
