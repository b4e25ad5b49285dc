import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FleetError } from '../../src/model/errors.ts';
import type { SshSettings } from '../../src/model/inventory.ts';
import type { HostName } from '../../src/model/names.ts';
import type { SecretReference } from '../../src/model/secret-reference.ts';
import { createSshContext } from '../../src/remote/config/ssh-context.ts';
import type { Remote } from '../../src/remote/remote.ts';
import { createSshRemote } from '../../src/remote/ssh/ssh-remote.ts';
import { connectLab, type Lab } from '../lab/lab.ts';
import { surroundings } from './sshd.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
const secret = (target: string): SecretReference => ({ kind: 'env', target });

/** What only real hosts can show: sudo, power loss, reboot, a full disk, a slow link. */
describe('SSH to lab hosts', () => {
  const index = 1;
  const open: Remote[] = [];
  let lab: Lab;
  beforeAll(async () => {
    lab = await connectLab();
    // Wrong passwords are given here on purpose: fail2ban, which other tests install, would shut us
    // out.
    await lab.wipe(index);
  });
  afterEach(() => Promise.all(open.splice(0).map((remote) => remote.close())));
  afterAll(async () => {
    console.log(`What fleet says about hosts that fail:\n${[...told].join('\n')}`);
    await lab.ssh(
      index,
      'rm -f /etc/sudoers.d/zz-fleet-test /etc/ssh/sshd_config.d/00-fleet-test.conf ' +
        '/root/fleet-test*; systemctl restart ssh; deluser --quiet --remove-home lena ' +
        '2>/dev/null || userdel -rf lena',
    );
  });

  /** For links that are meant to be lost; the others may be slow on a busy machine. */
  const quickSilenceMs = 1_500;

  /** What is said about each fault, for the reader of the test's output. */
  const told = new Set<string>();
  async function failureOf(act: Promise<unknown>): Promise<FleetError> {
    const failure = await act.then(
      () => null,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(FleetError);
    const { code, message, hint } = failure as FleetError;
    told.add(
      `${expect.getState().currentTestName?.split(' > ').at(-1)}\n  [${code}] ` +
        `${message}\n  → ${hint}`,
    );
    return failure as FleetError;
  }

  function remoteAs(
    user: string,
    settings: Partial<SshSettings> = {},
    config = '',
    silenceMs = 6_000,
  ): Remote {
    const ssh: SshSettings = {
      address: lab.hosts[index - 1]?.address ?? '',
      user,
      port: null,
      identityFiles: [lab.keyFile],
      hostKeys: [],
      password: null,
      passphrase: null,
      sudoPassword: null,
      sudo: 'full',
      initUser: null,
      transport: 'ssh2',
      connectTimeoutMs: 5_000,
      commandTimeoutMs: 20_000,
      ...settings,
    };
    const context = createSshContext({
      ...surroundings('/nonexistent', lab.knownHostsFile),
      silenceMs,
      ...(config === '' ? {} : { configFiles: [config] }),
    });
    const remote = createSshRemote({ name: 'h1' as HostName, ssh }, context);
    open.push(remote);
    return remote;
  }

  test('as a user with sudo: root where asked, oneself where not, files with root’s hands', async () => {
    const remote = remoteAs('ubuntu');
    expect(text((await remote.run({ command: 'id -un' })).stdout)).toBe('ubuntu\n');
    const root = await remote.run({
      command: 'id -un; cat; echo e >&2; exit 7',
      asRoot: true,
      stdin: 'payload',
    });
    expect([text(root.stdout), text(root.stderr), root.exitCode]).toEqual([
      'root\npayload',
      'e\n',
      7,
    ]);
    await remote.upload('/root/fleet-test', Buffer.from('content'), { mode: 0o640 });
    expect(
      text(
        (await remote.run({ command: 'stat -c "%U %a" /root/fleet-test', asRoot: true })).stdout,
      ),
    ).toBe('root 640\n');
    expect(text(await remote.download('/root/fleet-test'))).toBe('content');
  });

  test('below sudo a command that never ends is ended on the host too', async () => {
    const remote = remoteAs('ubuntu');
    expect(
      (await failureOf(remote.run({ command: 'sleep 4711', asRoot: true, timeoutMs: 300 }))).code,
    ).toBe('command-timeout');
    await expect
      .poll(
        async () =>
          text((await remote.run({ command: 'pgrep -fx "sleep 4711" || echo none' })).stdout),
        {
          timeout: 15_000,
          interval: 500,
        },
      )
      .toBe('none\n');
  });

  /**
   * As root. sshd is restarted, not reloaded: a reload returns before sshd takes connections again.
   */
  const onHost = async (command: string): Promise<void> =>
    expect((await lab.ssh(index, command)).code).toBe(0);

  test('sudo passwords and SSH passwords: asked for, wrong, right; a payload never sees them', async () => {
    await onHost(
      `useradd -m -s /bin/bash lena; echo 'lena:s3cret' | chpasswd; usermod -aG sudo lena`,
    );
    await onHost(
      'echo PasswordAuthentication yes > /etc/ssh/sshd_config.d/00-fleet-test.conf && ' +
        'systemctl restart ssh',
    );
    await onHost(
      'mkdir -p ~lena/.ssh && cp ~ubuntu/.ssh/authorized_keys ~lena/.ssh/ && chown -R ' +
        'lena: ~lena/.ssh && echo noise-from-start-file >> ~lena/.bashrc',
    );
    const asks = await failureOf(remoteAs('lena').run({ command: 'true', asRoot: true }));
    expect(asks).toMatchObject({ code: 'sudo', hint: expect.stringContaining('sudo_password') });
    const wrong = await failureOf(
      remoteAs('lena', { sudoPassword: secret('wrong') }).run({ command: 'true', asRoot: true }),
    );
    expect(wrong).toMatchObject({
      code: 'sudo',
      message: expect.stringContaining('refused the password'),
    });
    const remote = remoteAs('lena', {
      sudoPassword: secret('s3cret'),
      password: secret('s3cret'),
      identityFiles: ['/nonexistent/key'],
    });
    const asked = await remote.run({ command: 'id -un; cat', asRoot: true, stdin: 'payload' });
    expect(text(asked.stdout)).toBe('root\npayload');
    await onHost(`echo 'lena ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/zz-fleet-test`);
    expect(
      text((await remote.run({ command: 'id -un; cat', asRoot: true, stdin: 'payload' })).stdout),
    ).toBe('root\npayload');
    const refused = await failureOf(
      remoteAs('lena', { password: secret('nope'), identityFiles: ['/nonexistent/key'] }).connect(),
    );
    expect(refused).toMatchObject({
      code: 'ssh-auth',
      message: expect.stringContaining('password'),
    });

    // The way of PAM where only questions are allowed: the server asks, fleet answers with the
    // password.
    await onHost(
      "printf 'PasswordAuthentication no\\nKbdInteractiveAuthentication yes\\n' > " +
        '/etc/ssh/sshd_config.d/00-fleet-test.conf && systemctl restart ssh',
    );
    const questioned = remoteAs('lena', {
      password: secret('s3cret'),
      identityFiles: ['/nonexistent/key'],
    });
    expect(text((await questioned.run({ command: 'id -un' })).stdout)).toBe('lena\n');
    const silenced = await failureOf(
      remoteAs('lena', { password: secret('nope'), identityFiles: ['/nonexistent/key'] }).connect(),
    );
    expect(silenced).toMatchObject({
      code: 'ssh-auth',
      message: expect.stringContaining('keyboard-interactive'),
    });
  });

  test('through two lab hosts by ProxyJump, with Include, Host patterns and Match; a jump host that is off is named', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fleet-jump-'));
    const [, second, third] = lab.hosts;
    await writeFile(
      join(folder, 'config'),
      `Include ${join(folder, 'jumps')}\nHost ${lab.hosts[0]?.address}\n  ProxyJump ` +
        'gate-a,gate-b\n',
    );
    await writeFile(
      join(folder, 'jumps'),
      `Host gate-a\n  HostName ${second?.address}\nHost gate-b\n  HostName ` +
        `${third?.address}\nHost gate-?\n  IdentityFile ${lab.keyFile}\nMatch host ` +
        `${third?.address}\n  User ubuntu\nHost gate-*\n  User root\n`,
    );
    const remote = remoteAs('root', {}, join(folder, 'config'), quickSilenceMs);
    expect(text((await remote.run({ command: 'echo $SSH_CONNECTION' })).stdout).split(' ')[0]).toBe(
      third?.address,
    );
    await remote.upload('/root/fleet-test', Buffer.alloc(2_000_000, 7), { mode: 0o600 });
    expect((await remote.download('/root/fleet-test')).length).toBe(2_000_000);
    const lost = failureOf(remote.run({ command: 'sleep 30' }));
    await lab.cut(2);
    expect((await lost).code).toBe('ssh-lost');
    const unreachable = await failureOf(
      remoteAs('root', { connectTimeoutMs: 1_000 }, join(folder, 'config')).connect(),
    );
    expect(['ssh-timeout', 'ssh-connect']).toContain(unreachable.code);
    expect(unreachable.message).toContain(second?.address);
    await lab.heal(2);
    await rm(folder, { recursive: true });
  });

  test.each([50, 200])('%i ms away everything works, in few round trips', async (ms) => {
    await lab.slow(index, ms);
    try {
      const remote = remoteAs('root', { connectTimeoutMs: 20_000 });
      const { latencyMs } = await remote.connect();
      expect(latencyMs).toBeGreaterThanOrEqual(ms);
      const results = await Promise.all(
        [1, 2, 3, 4].map((number) => remote.run({ command: `echo ${number}` })),
      );
      expect(results.map(({ stdout }) => text(stdout))).toEqual(['1\n', '2\n', '3\n', '4\n']);
      await remote.upload('/root/fleet-test', Buffer.alloc(1_000_000, 7), { mode: 0o600 });
      expect((await remote.download('/root/fleet-test')).length).toBe(1_000_000);
    } finally {
      await lab.slow(index, 0);
    }
  });

  test('a full disk is host-space, leaves no part of the file, and the next upload works', async () => {
    const remote = remoteAs('root');
    await lab.fill(index, 64);
    const full = await failureOf(
      remote.upload('/root/fleet-test-big', Buffer.alloc(4_000_000, 1), { mode: 0o600 }),
    );
    expect(full.code).toBe('host-space');
    expect(
      text((await remote.run({ command: 'ls /root | grep fleet-test-big || echo none' })).stdout),
    ).toBe('none\n');
    await lab.unfill(index);
    await remote.upload('/root/fleet-test-big', Buffer.alloc(100_000, 1), { mode: 0o600 });
  });

  test('at 2 Mbit/s a long upload is slow, not lost', async () => {
    const remote = remoteAs('root');
    await remote.connect();
    await lab.rate(index, 2_000);
    try {
      await remote.upload('/root/fleet-test-slow', Buffer.alloc(1_500_000, 1), { mode: 0o600 });
    } finally {
      await lab.rate(index, 0);
    }
    expect(text((await remote.run({ command: 'stat -c %s /root/fleet-test-slow' })).stdout)).toBe(
      '1500000\n',
    );
  });

  test('a reboot in the middle of a command is ssh-lost, and the host is reached again afterwards', async () => {
    const remote = remoteAs('root');
    await remote.connect();
    const lost = failureOf(remote.run({ command: 'sleep 30' }));
    await lab.reboot(index);
    expect((await lost).code).toBe('ssh-lost');
    expect((await remote.run({ command: 'true' })).exitCode).toBe(0);
  });

  test('power loss in the middle of a command is ssh-lost within the time of silence; while off it is a time-out', async () => {
    const remote = remoteAs('root', {}, '', quickSilenceMs);
    await remote.connect();
    const from = performance.now();
    const lost = failureOf(remote.run({ command: 'sleep 30' }));
    await sleep(100);
    await lab.kill(index);
    expect((await lost).code).toBe('ssh-lost');
    // 1.5 s of silence; the rest is for a machine that is busy.
    expect(performance.now() - from).toBeLessThan(10_000);
    const failure = await failureOf(remoteAs('root', { connectTimeoutMs: 800 }).connect());
    expect(['ssh-timeout', 'ssh-connect']).toContain(failure.code);
    await lab.start(index);
    expect((await remote.run({ command: 'true' })).exitCode).toBe(0);
  });
});
