import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FleetError, isUnreachable } from '../../src/model/errors.ts';
import type { SshSettings } from '../../src/model/inventory.ts';
import type { SecretReference } from '../../src/model/secret-reference.ts';
import type { Remote } from '../../src/remote/remote.ts';
import { connectLab, type Lab } from '../lab/lab.ts';
import { suiteOfRun } from '../lab/suites.ts';
import { remoteOn } from './lab-remote.ts';

const secret = (target: string): SecretReference => ({ kind: 'env', target });

/** What sshd, PAM and sudo of a real system say, each in the message with its own remedy. */
describe('the words of a real system', () => {
  const index = 1;
  const open: Remote[] = [];
  const told: string[] = [];
  let lab: Lab;

  /** As root. */
  const onHost = async (command: string): Promise<void> => {
    const result = await lab.ssh(index, command);
    expect([command, result.code]).toEqual([command, 0]);
  };
  /** sshd is restarted, not reloaded: a reload returns before sshd takes connections again. */
  const sshdSays = (lines: string): Promise<void> =>
    onHost(
      `printf '${lines}\\n' > /etc/ssh/sshd_config.d/00-fleet-test.conf && systemctl ` +
        'reset-failed ssh; systemctl restart ssh',
    );

  beforeAll(async () => {
    lab = await connectLab();
    await lab.wipe(index);
    // The keys lie outside of the home, so that a home may be missing.
    await onHost(
      `useradd -m -s /bin/bash lena; echo 'lena:s3cret' | chpasswd; mkdir -p /etc/ssh/keys ` +
        '&& cp ~ubuntu/.ssh/authorized_keys /etc/ssh/keys/lena && chmod 644 ' +
        '/etc/ssh/keys/lena',
    );
    await sshdSays('AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/keys/%%u');
  });
  afterEach(() => Promise.all(open.splice(0).map((remote) => remote.close())));
  afterAll(async () => {
    console.log(`What fleet says about logins and sudo:\n${told.join('\n')}`);
    await lab.wipe(index);
  });

  function remoteAs(user: string, settings: Partial<SshSettings> = {}): Remote {
    const remote = remoteOn(lab, index, user, settings);
    open.push(remote);
    return remote;
  }

  async function failureOf(act: Promise<unknown>): Promise<FleetError> {
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
    expect([message.includes('\n'), isUnreachable(failure as FleetError)]).toEqual([false, false]);
    return failure as FleetError;
  }

  interface Refusal {
    readonly name: string;
    readonly change: string;
    readonly undo: string;
    readonly user?: string;
    readonly settings?: Partial<SshSettings>;
    readonly asRoot?: boolean;
    readonly code: string;
    readonly words: RegExp;
    readonly hint: RegExp;
  }
  // sudo-rs knows no requiretty
  const requiretty: readonly Refusal[] = [
    {
      name: 'sudo with requiretty',
      change: 'echo "Defaults:ubuntu requiretty" > /etc/sudoers.d/zz-fleet-test',
      undo: 'rm /etc/sudoers.d/zz-fleet-test',
      user: 'ubuntu',
      asRoot: true,
      code: 'sudo',
      words: /requiretty.*It said: .*must have a tty/,
      hint: /!requiretty/,
    },
  ];
  const refusals: readonly Refusal[] = [
    ...(suiteOfRun() === 'testing' ? [] : requiretty),
    {
      name: 'a user who is not in sudoers',
      change: 'true',
      undo: 'true',
      settings: { sudoPassword: secret('s3cret') },
      asRoot: true,
      code: 'sudo',
      words: /lena may not use sudo.*It said: .*(not in the sudoers|I'm afraid I can't do that)/,
      hint: /group sudo/,
    },
    {
      name: 'sudo that asks for a password',
      change: 'usermod -aG sudo lena',
      undo: 'gpasswd -d lena sudo',
      asRoot: true,
      code: 'sudo',
      words: /asks for a password.*It said: .*(password|authentication) is required/,
      hint: /sudo_password/,
    },
    {
      name: 'no sudo',
      change: 'mv /usr/bin/sudo /usr/bin/sudo.away',
      undo: 'mv /usr/bin/sudo.away /usr/bin/sudo',
      user: 'ubuntu',
      asRoot: true,
      code: 'sudo',
      words: /not installed.*It said: .*No such file/,
      hint: /install sudo/,
    },
    {
      name: 'sudo that does not work',
      change: 'chmod 666 /etc/sudoers',
      undo: 'chmod 440 /etc/sudoers',
      user: 'ubuntu',
      asRoot: true,
      code: 'sudo',
      words: /does not work.*It said: .*world[ -]writable/,
      hint: /visudo/,
    },
    {
      name: 'an expired password',
      change: 'chage -d 0 lena',
      undo: 'chage -d $(date +%F) lena',
      code: 'host-not-ready',
      words:
        /the password of lena has expired.*It said: .*(change your password|expired|Password change required)/,
      hint: /chage/,
    },
    {
      name: 'an expired password, below sudo',
      change: 'chage -d 0 lena',
      undo: 'chage -d $(date +%F) lena',
      asRoot: true,
      code: 'host-not-ready',
      words: /the password of lena has expired/,
      hint: /chage/,
    },
    {
      name: 'an expired account',
      change: 'chage -E 0 lena',
      undo: 'chage -E -1 lena',
      code: 'ssh-auth',
      words: /It said: .*account has expired/,
      hint: /chage -l lena/,
    },
    {
      name: 'nologin',
      change: 'usermod -s /usr/sbin/nologin lena',
      undo: 'usermod -s /bin/bash lena',
      code: 'host-not-ready',
      words: /nologin.*It said: This account is currently not available/,
      hint: /usermod -s \/bin\/bash lena/,
    },
    {
      name: 'nologin, below sudo',
      change: 'usermod -s /usr/sbin/nologin lena',
      undo: 'usermod -s /bin/bash lena',
      asRoot: true,
      code: 'host-not-ready',
      words: /nologin/,
      hint: /usermod/,
    },
    {
      name: '/bin/false, below sudo',
      change: 'usermod -s /bin/false lena',
      undo: 'usermod -s /bin/bash lena',
      asRoot: true,
      code: 'host-not-ready',
      words: /login shell of lena runs no commands/,
      hint: /forced command/,
    },
    {
      name: 'a shell that is not there',
      change: 'usermod -s /no/such lena',
      undo: 'usermod -s /bin/bash lena',
      code: 'ssh-auth',
      words: /refused the login/,
      hint: /account/,
    },
    {
      name: 'a system that goes down',
      change:
        'echo "System is going down. Unprivileged users are not permitted to log in ' +
        'anymore." > /etc/nologin',
      undo: 'rm /etc/nologin',
      code: 'ssh-auth',
      words: /It said: .*going down/,
      hint: /starts or shuts down/,
    },
  ];
  test.each(refusals)(
    '$name',
    async ({ change, undo, user = 'lena', settings = {}, asRoot = false, code, words, hint }) => {
      await onHost(change);
      try {
        const failure = await failureOf(remoteAs(user, settings).run({ command: 'true', asRoot }));
        expect(failure.code).toBe(code);
        expect(failure.message).toMatch(words);
        expect(failure.hint).toMatch(hint);
      } finally {
        await onHost(undo);
      }
    },
  );

  test('a home that is missing is no obstacle', async () => {
    await onHost('mv ~lena /home/away');
    expect((await remoteAs('lena').run({ command: 'true' })).exitCode).toBe(0);
    await onHost('mv /home/away ~lena');
  });

  const both =
    'PasswordAuthentication yes\\nKbdInteractiveAuthentication yes\\nAuthorizedKeysFile ' +
    '.ssh/authorized_keys /etc/ssh/keys/%%u\\nMatch User lena\\n';
  test.each([
    'publickey,password',
    'password,publickey',
    'publickey,keyboard-interactive',
    'keyboard-interactive,publickey',
    'password',
  ])('AuthenticationMethods %s', async (methods) => {
    await sshdSays(`${both} AuthenticationMethods ${methods}\\n MaxAuthTries 2`);
    const password = secret('s3cret');
    expect((await remoteAs('lena', { password }).run({ command: 'true' })).exitCode).toBe(0);
    if (!methods.startsWith('publickey')) return;
    const failure = await failureOf(remoteAs('lena').connect());
    expect(failure.message).toMatch(/accepted .*, then wanted (password|keyboard-interactive)/);
    expect(failure.hint).toContain('set password');
  });
});
