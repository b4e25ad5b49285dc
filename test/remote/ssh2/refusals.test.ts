import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FleetError, isUnreachable } from '../../../src/model/errors.ts';
import type { Remote } from '../../../src/remote/remote.ts';
import { createSshRemote } from '../../../src/remote/ssh/ssh-remote.ts';
import { freePort, missingSshd, startSshd, type TestSshd } from '../sshd.ts';

/** What is said about each refusal, for the reader of the test's output. */
const told: string[] = [];

describe.skipIf(missingSshd !== null)('what a real sshd refuses, in its own words', () => {
  const started: TestSshd[] = [];
  const open: Remote[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((remote) => remote.close()));
    await Promise.all(started.splice(0).map((sshd) => sshd.stop()));
  });
  afterAll(() => console.log(`What fleet says about refusals:\n${told.join('\n')}`));

  const start = async (lines: readonly string[]): Promise<TestSshd> => {
    const sshd = await startSshd(lines);
    started.push(sshd);
    return sshd;
  };
  const remoteOf = async (sshd: TestSshd, config = ''): Promise<Remote> => {
    const file = join(sshd.directory, 'client_config');
    await writeFile(file, config);
    const remote = createSshRemote(sshd.spec(), await sshd.context({ configFiles: [file] }));
    open.push(remote);
    return remote;
  };
  const failureOf = async (act: Promise<unknown>): Promise<FleetError> => {
    const failure = await act.then(
      () => null,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(FleetError);
    const { code, message, hint } = failure as FleetError;
    told.push(
      `${expect.getState().currentTestName?.split(' > ').at(-1)}\n  [${code}] ` +
        `${message}\n  → ${hint}`,
    );
    return failure as FleetError;
  };

  const forced: [string, string, string[], string][] = [
    [
      'a forced command that names the right user',
      `ForceCommand echo 'Please login as the user "ubuntu" rather than the user ` +
        `"root".';echo;sleep 0.1`,
      ['Please login as the user "ubuntu" rather than the user "root".'],
      'set user: ubuntu',
    ],
    [
      'a shell that refuses everything',
      'ForceCommand /usr/sbin/nologin',
      ['This account is currently not available.'],
      'usermod -s /bin/bash',
    ],
    ['/bin/false', 'ForceCommand /bin/false', ['runs no commands'], 'forced command'],
    [
      'an SFTP server that says nothing',
      'ForceCommand /usr/lib/openssh/sftp-server',
      ['SFTP only'],
      'ForceCommand',
    ],
    ['internal-sftp', 'ForceCommand internal-sftp', ['SFTP only'], 'internal-sftp'],
    [
      'an expired password',
      "ForceCommand printf 'WARNING: Your password has expired.\\nPassword change " +
        "required but no TTY available.\\n' >&2; exit 1",
      ['password of', 'Password change required but no TTY available.'],
      'chage',
    ],
    [
      'words that move the cursor',
      "ForceCommand printf '\\033[2Jgone\\n'",
      ['\\u001b[2Jgone'],
      'forced command',
    ],
  ];
  test.each(forced)('%s', async (_, line, words, hint) => {
    const remote = await remoteOf(await start([line]));
    const failure = await failureOf(remote.run({ command: 'true' }));
    expect([failure.code, failure.message.includes('\n'), isUnreachable(failure)]).toEqual([
      'host-not-ready',
      false,
      false,
    ]);
    for (const word of words) expect(failure.message).toContain(word);
    expect(failure.hint).toContain(hint);
  });

  test('MaxSessions 0', async () => {
    const failure = await failureOf(
      (await remoteOf(await start(['MaxSessions 0']))).run({ command: 'true' }),
    );
    expect([
      failure.code,
      failure.hint.includes('MaxSessions'),
      failure.message.includes('open failed'),
    ]).toEqual(['ssh-refused', true, true]);
  });

  test('what is not SSH', async () => {
    const server = createServer((socket) =>
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n').on('error', () => {}),
    );
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as { port: number };
    const sshd = await start([]);
    const remote = createSshRemote(sshd.spec({ port }), await sshd.context({ ports: [port] }));
    const failure = await failureOf(remote.connect());
    expect([
      failure.code,
      failure.message.includes('not SSH'),
      failure.message.includes('HTTP/1.1 400'),
    ]).toEqual(['ssh-connect', true, true]);
    server.close();
  });

  describe('behind a jump host', () => {
    let inner: TestSshd;
    beforeAll(async () => {
      inner = await startSshd();
    });
    afterAll(() => inner.stop());

    const behind = async (
      lines: readonly string[],
      address: string,
      port: number,
    ): Promise<FleetError> => {
      const bastion = await start(lines);
      const config =
        `Host ${address}\n ProxyJump 127.0.0.1:${bastion.port}\nHost *\n IdentityFile ` +
        `${bastion.userKey}\n`;
      const file = join(bastion.directory, 'client_config');
      await writeFile(file, config);
      const remote = createSshRemote(
        bastion.spec({ name: 'host-2', address, port }),
        await bastion.context({ configFiles: [file] }),
      );
      open.push(remote);
      return failureOf(remote.connect());
    };

    test.each(['AllowTcpForwarding no', 'DisableForwarding yes', 'PermitOpen 127.0.0.9:1'])(
      'that has %s',
      async (line) => {
        const failure = await behind([line], 'localhost', inner.port);
        expect([failure.code, isUnreachable(failure)]).toEqual(['ssh-refused', false]);
        expect(failure.message).toMatch(/forbids forwarding.*It said: /);
        expect(failure.hint).toContain('AllowTcpForwarding');
      },
    );

    test('that finds the port closed', async () => {
      const failure = await behind([], 'localhost', await freePort());
      expect(failure.code).toBe('ssh-connect');
      expect(failure.message).toMatch(/nothing listens there. It said: Connection refused/);
    });

    test('that does not know the name', async () => {
      const failure = await behind([], 'no-such-host.invalid', 22);
      expect([failure.code, failure.message.includes('does not know that name')]).toEqual([
        'ssh-resolve',
        true,
      ]);
    });
  });
});
